/** What is asked of ports, in order: two answers that must not be told apart must not differ in it. */
export function countedCalls() {
  const calls: string[] = [];
  const counted = <P extends object>(name: string, port: P): P =>
    new Proxy(port, {
      get(target, property, receiver) {
        const value: unknown = Reflect.get(target, property, receiver);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          calls.push(`${name}.${String(property)}`);
          return Reflect.apply(value, target, args);
        };
      },
    });
  /** The calls of one piece of work. */
  const during = async (work: () => Promise<unknown>): Promise<string[]> => {
    calls.length = 0;
    await work();
    return [...calls];
  };
  return { counted, during };
}
