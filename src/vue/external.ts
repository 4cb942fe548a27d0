import { onBeforeUnmount, onMounted, type ShallowRef, shallowRef, watch } from 'vue';

/** Something outside of Vue that changes and tells so. */
export interface External<Value> {
  subscribe(listener: () => void): () => void;
  read(): Value;
}

/** Its value, from mounting on; before that `initial`, which is what a server has rendered. */
export function useExternal<Value>(source: () => External<Value>, initial: Value): ShallowRef<Value> {
  const value = shallowRef(initial) as ShallowRef<Value>;
  let leave: (() => void) | undefined;
  const follow = (external: External<Value>) => {
    leave?.();
    leave = external.subscribe(() => (value.value = external.read()));
    value.value = external.read();
  };
  onMounted(() => watch(source, follow, { immediate: true }));
  onBeforeUnmount(() => leave?.());
  return value;
}
