// Answers questions about AS2 with libas2: one JSON object a line in, one a line out. NODE_PATH names its folder.
const { AS2MimeNode, AS2Parser } = require('libas2')
const bytes = (text) => Buffer.from(text, 'base64')
const wrap = (node) => (node === undefined ? undefined : Buffer.from(node))

const verbs = {
  async open({ mime, decrypt, verify }) {
    let node = await AS2Parser.parse(bytes(mime))
    if (decrypt) node = await node.decrypt(decrypt)
    if (verify) node = await node.verify(verify)
    if (node === undefined) throw new Error('not verified')
    return { content: wrap(node.content).toString('base64') }
  },
  async build({ content, contentType, filename, sign, encrypt }) {
    const node = new AS2MimeNode({ content: bytes(content), contentType, filename, sign, encrypt })
    return { mime: (await node.build()).toString('base64') }
  },
  async receipt({ mime, agreement }) {
    const node = await AS2Parser.parse(bytes(mime))
    const { dispositionNode, disposition } = await node.dispositionOut({ agreement })
    return { mime: (await dispositionNode.build()).toString('base64'), mic: disposition.notification.receivedContentMic }
  },
  async receive({ mime, verify }) {
    const node = await AS2Parser.parse(bytes(mime))
    const { notification, explanation } = await node.dispositionIn(verify)
    return { notification, explanation }
  }
}

let waiting = Promise.resolve()
require('readline')
  .createInterface({ input: process.stdin })
  .on('line', (line) => {
    waiting = waiting.then(async () => {
      const { verb, ...question } = JSON.parse(line)
      const answer = await verbs[verb](question).catch((error) => ({ error: String(error) }))
      process.stdout.write(JSON.stringify(answer) + '\n')
    })
  })
