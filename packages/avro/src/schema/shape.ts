/**
 * An Avro type as Troupe understands it: names resolved, unions reduced to "may be null", logical types
 * turned into kinds of their own. What has no shape is refused when the event is defined.
 */
export type Shape = PlainShape | EnumShape | FixedShape | ArrayShape | MapShape | NullableShape | RecordShape

export interface PlainShape {
  readonly kind:
    | 'boolean'
    | 'string'
    | 'uuid'
    | 'int'
    | 'long'
    | 'timestamp-millis'
    | 'float'
    | 'double'
    | 'bytes'
}

export interface EnumShape {
  readonly kind: 'enum'
  /** Fully qualified, as all names of shapes. */
  readonly name: string
  readonly doc: string | undefined
  readonly symbols: readonly string[]
}

export interface FixedShape {
  readonly kind: 'fixed'
  readonly name: string
  readonly size: number
}

export interface ArrayShape {
  readonly kind: 'array'
  readonly items: Shape
}

export interface MapShape {
  readonly kind: 'map'
  readonly values: Shape
}

export interface NullableShape {
  readonly kind: 'nullable'
  readonly of: Shape
  /** A default must be of a union's first type. */
  readonly isNullFirst: boolean
}

export interface RecordShape {
  readonly kind: 'record'
  readonly name: string
  readonly doc: string | undefined
  /** In the schema's order. A record may hold itself. */
  readonly fields: readonly FieldShape[]
}

export interface FieldShape {
  readonly name: string
  readonly doc: string | undefined
  readonly shape: Shape
  /** As JSON; undefined if the field has none. */
  readonly default: unknown
}

/** A name without its namespace. */
export function shortName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}
