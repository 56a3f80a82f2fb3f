export default { distDir: process.env.NEXT_DIST ?? '.next' }
