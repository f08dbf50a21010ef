import net from 'node:net'

/** Sends bytes as they are and gives all that comes back until the connection ends. */
export function sendRaw(url: string, bytes: string | Buffer, timeoutMs = 20_000): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = net.connect(Number(port), hostname, () => socket.write(bytes))
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`Silent after "${answer}"`)))
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)))
    socket.on('close', () => resolve(answer))
  })
}
