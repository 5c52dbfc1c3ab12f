/** The fake executor of `troupe/testing`, for the project's own tests. */
export { manualExecutor, type ManualExecutor } from '../../src/api/testing.ts';
