// The whole of a piscina worker.
// oxlint-disable-next-line import/no-default-export
export default function noop() {}
