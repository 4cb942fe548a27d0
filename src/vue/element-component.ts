import {
  defineComponent,
  type DefineSetupFnComponent,
  type EmitsOptions,
  h,
  inject,
  onBeforeUnmount,
  onMounted,
  type Prop,
  shallowRef,
  type SlotsType,
  toRaw,
} from 'vue';
import { attributesOf, type ElementDescription, listenTo, type Props } from '../adapters/element.ts';
import { billingKey } from './billing.ts';

/** What Vue has to know at run time. */
interface Declared {
  readonly props: Record<string, Prop<unknown>>;
  readonly emits: string[];
}

/** The Vue component of an element: its props, what it emits, and the names of its slots. */
export type ElementComponent<
  Own extends object,
  Emits extends EmitsOptions,
  SlotNames extends string,
> = DefineSetupFnComponent<Own, Emits, SlotsType<Partial<Record<SlotNames, object>>>>;

/** Makes the component. Named slots become children with that `slot`. */
export function elementComponent<Own extends object, Emits extends EmitsOptions, SlotNames extends string>(
  name: string,
  description: ElementDescription,
  { props: ownProps, emits }: Declared,
): ElementComponent<Own, Emits, SlotNames> {
  const component = defineComponent(
    (props: Props, { emit, slots }) => {
      const provided = inject(billingKey, undefined);
      const host = shallowRef<HTMLElement>();
      let stop: (() => void) | undefined;
      onMounted(() => {
        if (host.value === undefined) return;
        stop = listenTo(description, host.value, (callback, ...parts) => emit(eventOf(callback), ...parts));
      });
      onBeforeUnmount(() => stop?.());

      const properties = (): Props => {
        const values = { ...props, store: props['store'] ?? provided?.store };
        // A dot before the name: set on the element, and left out on the server. Never Vue's proxy of it.
        return Object.fromEntries(
          description.properties.map((key) => [`.${key}`, toRaw(valueOf(values, key))]),
        );
      };
      return () => {
        const children = Object.entries(slots).map(([slot, render]) =>
          slot === 'default' ? render?.({}) : h('span', { slot }, render?.({})),
        );
        return h(
          description.tag,
          { ...attributesOf(description, props), ...properties(), ref: host },
          children,
        );
      };
    },
    { name, props: ownProps, emits },
  );
  return component as unknown as ElementComponent<Own, Emits, SlotNames>;
}

function valueOf(values: Props, key: string): unknown {
  return values[key] ?? undefined;
}

/** `onUpgrade` → `upgrade` */
function eventOf(callback: string): string {
  return callback.charAt(2).toLowerCase() + callback.slice(3);
}
