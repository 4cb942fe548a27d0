import { computed, type ComputedRef, type Ref } from 'vue';

/** A ref for every member. */
export type Refs<Members> = { readonly [Name in keyof Members]: ComputedRef<Members[Name]> };

export function refsOf<Members extends object>(
  state: Ref<Members>,
  names: readonly (keyof Members)[],
): Refs<Members> {
  return Object.fromEntries(names.map((name) => [name, computed(() => state.value[name])])) as Refs<Members>;
}
