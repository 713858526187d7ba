/**
 * The header with which a browser saves a file under the last part of its name and never renders it: what a program wrote may be a page.
 * Characters that are not seen, or turn the reading round, are not passed on.
 */
export function attachmentHeader(fileName: string): string {
  const name = (fileName.split('/').at(-1) || 'file').toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '_');
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename*=UTF-8''${encoded}`;
}
