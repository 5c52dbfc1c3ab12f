/** File descriptors of a worker process: orders come in on one, answers leave on the other. */
export const descriptors = { orders: 3, answers: 4 } as const;
