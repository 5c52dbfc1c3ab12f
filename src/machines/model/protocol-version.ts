/** Version of the wire protocol: raised with every change that an older peer could not follow. */
export const PROTOCOL = 1;
