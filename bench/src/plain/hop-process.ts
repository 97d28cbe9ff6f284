// A process that reads a message, does next to nothing and hands it on: hop number argv[3] at broker argv[2].
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { topicBefore } from './topics.ts'

const [broker = '', hop = ''] = process.argv.slice(2)
const from = topicBefore(Number(hop))
const to = topicBefore(Number(hop) + 1)

const kafka = new Kafka({ clientId: from, brokers: [broker], logLevel: logLevel.ERROR })
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
const consumer = kafka.consumer({ groupId: from })
await Promise.all([producer.connect(), consumer.connect()])
await consumer.subscribe({ topic: from, fromBeginning: true })

let hasJoined = false
consumer.on(consumer.events.GROUP_JOIN, () => {
  if (!hasJoined) process.send?.('joined')
  hasJoined = true
})
await consumer.run({
  async eachMessage({ message: { key, value } }) {
    const order = JSON.parse(String(value)) as { readonly hops: readonly string[] }
    const next = { ...order, hops: [...order.hops, from] }
    await producer.send({ topic: to, messages: [{ key, value: JSON.stringify(next) }] })
  },
})

process.once('disconnect', () => process.exit(0))
