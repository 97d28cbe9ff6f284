/** What one container is made from. */
export interface PartOptions {
  /** Name and tag. Default: what the part's environment variable says, and else the tested one. */
  readonly image?: string
}

/** A part of a stack, as messages call it. */
export interface Part {
  readonly name: string
  readonly variable: string
  readonly image: string
}

const parts = {
  kafka: { name: 'Kafka', variable: 'TROUPE_KAFKA_IMAGE', image: 'confluentinc/cp-kafka:8.2.1' },
  registry: {
    name: 'The Schema Registry',
    variable: 'TROUPE_REGISTRY_IMAGE',
    image: 'apicurio/apicurio-registry:3.3.3',
  },
  postgres: { name: 'PostgreSQL', variable: 'TROUPE_POSTGRES_IMAGE', image: 'postgres:18' },
} as const

/** The part with the image that it is to be started from. */
export function partOf(
  key: keyof typeof parts,
  { image }: PartOptions = {},
  variables: Readonly<Record<string, string | undefined>> = process.env,
): Part {
  const part = parts[key]
  return { ...part, image: image ?? (variables[part.variable] || part.image) }
}
