export default {
  input: '../../openapi.json',
  output: 'generated/hey-api',
  plugins: ['zod'],
}
