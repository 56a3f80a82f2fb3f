export default {
  latchkey: {
    input: { target: '../../openapi.json' },
    output: { client: 'zod', mode: 'single', target: 'generated/orval.ts' },
  },
}
