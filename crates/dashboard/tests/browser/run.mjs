// Runs every test, or those whose name matches, against the binary:
//
//   node --test-reporter=spec run.mjs path/to/latchkey [pattern]
import { runAll } from './harness.mjs'
import './create.mjs'
import './reveal.mjs'
import './change.mjs'
import './reading.mjs'
import './states.mjs'
import './access.mjs'
import './looks.mjs'
import './embed.mjs'
import './component.mjs'
import './product.mjs'
import './cross_site.mjs'
import './seed.mjs'
import './answers.mjs'
import './tabs.mjs'
import './clock.mjs'
import './told.mjs'
import './care.mjs'
import './reference.mjs'
import './operator.mjs'
import './scopes.mjs'
import './budgets.mjs'
import './views.mjs'
import './policy.mjs'

runAll(new RegExp(process.argv[3] ?? ''))
