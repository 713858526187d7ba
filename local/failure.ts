/** Something a person can act on. Its message is shown as it is, without a stack. */
export class LocalCloudFailure extends Error {
  override readonly name: string = 'LocalCloudFailure';
}
