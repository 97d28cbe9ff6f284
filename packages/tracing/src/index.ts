export { type StartedTracing, tracing, type TracingOptions } from './tracing.ts'
