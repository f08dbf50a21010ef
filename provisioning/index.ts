import { buildArchives } from './archives.ts'
import { createBox } from './box.ts'
import { createFleet } from './fleet.ts'
import { lookUpMachine } from './machine.ts'
import { readStack } from './stack.ts'
import { tagEverything } from './tags.ts'

const config = readStack()
const machine = await lookUpMachine(config)
const archives = await buildArchives(config)

tagEverything(config)
const create = config.machines === 1 ? createBox : createFleet

export default create(config, machine, archives)
