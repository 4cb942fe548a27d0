'use client';

import {
  createElement,
  forwardRef,
  type ForwardRefExoticComponent,
  type HTMLAttributes,
  type PropsWithoutRef,
  type RefAttributes,
  useContext,
  useImperativeHandle,
  useRef,
} from 'react';
import { attributesOf, type ElementDescription, listenTo, type Props } from '../adapters/element.ts';
import { BillingContext, type Provided } from './context.ts';
import { useClientLayoutEffect } from './use-client-layout-effect.ts';

/** What any element takes, but for the names that mean something else on this one. */
export type HostProps<Own extends string> = Omit<HTMLAttributes<HTMLElement>, Own>;

const NO_TOKENS: Provided['tokens'] = {};

/**
 * The React component of an element. Plain props are attributes, so that they are in server-rendered markup; objects
 * and listeners follow in layout effects, because hydration drops them: React 18 always, React 19 on the elements
 * that it finds in place.
 */
export function elementComponent<Element extends HTMLElement, Own extends object>(
  name: string,
  description: ElementDescription,
): ForwardRefExoticComponent<PropsWithoutRef<Own> & RefAttributes<Element>> {
  const Component = forwardRef<Element, Own>((ownProps, ref) => {
    const props = ownProps as Props;
    const provided = useContext(BillingContext);
    const host = useRef<Element>(null);
    useImperativeHandle<Element | null, Element | null>(ref, () => host.current, []);
    useProperties(host, description, { ...props, store: props['store'] ?? provided?.billing.store });
    useListeners(host, description, props);
    useTokens(host, provided?.tokens ?? NO_TOKENS);
    const attributes = attributesOf(description, { ...props, theme: props['theme'] ?? provided?.theme });
    return createElement(description.tag, {
      ...hostAttributes(description, props),
      ...attributes,
      ref: host,
      // It may have been at work before React takes it over.
      ...(description.reflects ? { suppressHydrationWarning: true } : {}),
    });
  });
  Component.displayName = name;
  return Component as ForwardRefExoticComponent<PropsWithoutRef<Own> & RefAttributes<Element>>;
}

type Host = Readonly<{ current: HTMLElement | null }>;

function useProperties(host: Host, { properties }: ElementDescription, props: Props): void {
  useClientLayoutEffect(
    () => {
      for (const name of properties) Object.assign(host.current ?? {}, { [name]: props[name] ?? undefined });
    },
    properties.map((name) => props[name]),
  );
}

function useListeners(host: Host, description: ElementDescription, props: Props): void {
  const latest = useRef(props);
  useClientLayoutEffect(() => {
    latest.current = props;
  });
  useClientLayoutEffect(() => {
    if (host.current === null) return undefined;
    return listenTo(description, host.current, (callback, ...parts) => {
      (latest.current[callback] as ((...parts: unknown[]) => void) | undefined)?.(...parts);
    });
  }, []);
}

/** Not by the `style` prop: a server would render it, and a strict content security policy would drop that. */
function useTokens(host: Host, tokens: Provided['tokens']): void {
  useClientLayoutEffect(() => {
    const style = host.current?.style;
    for (const [name, value] of Object.entries(tokens)) style?.setProperty(name, value);
    return () => {
      for (const name of Object.keys(tokens)) style?.removeProperty(name);
    };
  }, [tokens]);
}

/** What is not the element's own, as React 18 and 19 both understand it on custom elements. */
function hostAttributes({ attributes, properties, callbacks }: ElementDescription, props: Props): Props {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(props)) {
    if (name in attributes || name in callbacks || properties.includes(name)) continue;
    if (name === 'className') result['class'] = value;
    else if (name === 'hidden') result['hidden'] = value === true ? true : undefined;
    else result[name] = value;
  }
  return result;
}
