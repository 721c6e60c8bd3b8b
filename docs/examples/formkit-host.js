// What a page gives to FormKit besides a schema made by plugbus: three rules, and the buttons of lists.
// Load it after vue and @formkit/vue; then:
//   app.use(FormKitVue.plugin, FormKitVue.defaultConfig({ rules: plugbusForms.rules }))
//   <FormKitSchema :schema="schema" :data="plugbusForms.data" />
window.plugbusForms = (() => {
  "use strict"

  const isEmpty = (value) => value === undefined || value === null || value === ""

  const json = ({ value }) => {
    if (isEmpty(value)) return true
    try {
      JSON.parse(value)
      return true
    } catch {
      return false
    }
  }

  // Counted in steps, as 0.3 is no exact multiple of 0.1 in binary.
  const multiple_of = ({ value }, step) => {
    if (isEmpty(value)) return true
    const steps = Number(value) / Number(step)
    return Math.abs(steps - Math.round(steps)) <= 1e-9 * Math.max(1, Math.abs(steps))
  }

  // In place of FormKit's own, which counts an emoji as two characters; a server counts it as one.
  const length = ({ value }, first = 0, second = Infinity) => {
    if (isEmpty(value)) return true
    const size = typeof value === "string" ? Array.from(value).length : Object.keys(value).length
    return size >= Number(first) && size <= Number(second)
  }

  const listRows = (list, items) => items.map((item) => ({ list, item }))

  // Each returns what a click calls: FormKit evaluates the call itself when it shows the button.
  const addItem = (list, isGroup) => () => list.input([...list.value, isGroup ? {} : undefined], false)
  const removeItem = (list, index) => () => list.input(list.value.filter((_, at) => at !== index), false)

  return { rules: { json, length, multiple_of }, data: { addItem, listRows, removeItem } }
})()
