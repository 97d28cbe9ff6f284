import {
  BoundPorts,
  GenericContainer,
  getContainerRuntimeClient,
  type InspectResult,
  type StartedTestContainer,
  Wait,
  waitForContainer,
} from 'testcontainers'
import { startupTimeoutMs } from './start-part.ts'

const starter = '/tmp/troupe-start.sh'
const waiting = 'waiting for the address'

/**
 * The Apache project's own image, which Testcontainers' module does not run.
 *
 * A broker has to know before it starts under which address its clients will reach it, and the port of that
 * is known only once the container runs. So the container first waits for a script that says so.
 */
export class ApacheKafkaContainer extends GenericContainer {
  readonly #clientPort: number

  constructor(image: string, clientPort: number) {
    super(image)
    this.#clientPort = clientPort
    this.withExposedPorts(clientPort)
      .withStartupTimeout(startupTimeoutMs)
      .withEntrypoint(['sh', '-c'])
      .withCommand([`echo '${waiting}'; while [ ! -f ${starter} ]; do sleep 0.1; done; . ${starter}`])
      .withWaitStrategy(Wait.forLogMessage(waiting))
      .withEnvironment({
        KAFKA_NODE_ID: '1',
        KAFKA_PROCESS_ROLES: 'broker,controller',
        KAFKA_LISTENERS: `PLAINTEXT://:${clientPort},BROKER://:9092,CONTROLLER://:9094`,
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT',
        KAFKA_INTER_BROKER_LISTENER_NAME: 'BROKER',
        KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
        KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9094',
        KAFKA_LOG_DIRS: '/tmp/kafka-logs',
      })
  }

  protected override async containerStarted(
    container: StartedTestContainer,
    inspected: InspectResult,
  ): Promise<void> {
    const client = `PLAINTEXT://${container.getHost()}:${container.getMappedPort(this.#clientPort)}`
    const content = [
      `export KAFKA_ADVERTISED_LISTENERS=${client},BROKER://localhost:9092`,
      'exec /etc/kafka/docker/run',
      '',
    ].join('\n')
    await container.copyContentToContainer([{ content, target: starter, mode: 0o644 }])
    const runtime = await getContainerRuntimeClient()
    const { hostIps } = runtime.info.containerRuntime
    await waitForContainer(
      runtime,
      runtime.container.getById(container.getId()),
      Wait.forLogMessage('Kafka Server started').withStartupTimeout(startupTimeoutMs),
      BoundPorts.fromInspectResult(hostIps, inspected).filter(this.exposedPorts),
    )
  }
}
