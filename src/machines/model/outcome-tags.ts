/** How the bytes of an outcome begin: apart from the protocol, since workers know these and not what checks it. */

/** First byte of an outcome; the rest is the payload. */
export const outcomeTags = {
  /** The result, encoded. */
  done: 0,
  /** CBOR of `[kind, error bytes, output tail or null]`. */
  failed: 1,
  /** It was told to stop, and did. */
  stopped: 2,
} as const;
