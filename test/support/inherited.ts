const { PATH = '', LD_LIBRARY_PATH, TMPDIR } = process.env

/** What a Node in an otherwise empty environment needs: scripts/node may have set the second. */
export const inherited = {
  PATH,
  ...(LD_LIBRARY_PATH === undefined ? {} : { LD_LIBRARY_PATH }),
  ...(TMPDIR === undefined ? {} : { TMPDIR }),
}
