// Shows one schema at a time, and tells what became of it.
window.ran = []  // what hostile text leaves behind if it is executed
window.faults = []
window.addEventListener("error", (event) => window.faults.push(String(event.message)))
window.addEventListener("unhandledrejection", (event) => window.faults.push(String(event.reason)))

let app = null

window.show = async (schema) => {
  if (app !== null) app.unmount()
  window.faults.length = 0
  window.submitted = null
  window.form = null
  const { h, createApp, nextTick } = Vue
  const { FormKit, FormKitSchema, defaultConfig, plugin } = FormKitVue
  app = createApp({
    render: () =>
      h(
        FormKit,
        {
          type: "form",
          name: "outer",
          novalidate: true,
          onSubmit: (values) => (window.submitted = JSON.parse(JSON.stringify(values))),
          onNode: (node) => (window.form = node),
        },
        { default: () => [h(FormKitSchema, { schema, data: { ...plugbusForms.data } })] },
      ),
  })
  app.config.errorHandler = (error) => window.faults.push(String(error))
  app.config.warnHandler = (warning) => window.faults.push(`warning: ${warning}`)
  app.use(plugin, defaultConfig({ rules: plugbusForms.rules }))
  app.mount("#app")
  await nextTick()
  await new Promise((done) => setTimeout(done, 30))
}

window.submit = async () => {
  window.submitted = null
  window.form.submit()
  await window.form.settled
  await new Promise((done) => setTimeout(done, 60))
  return window.submitted
}

window.values = () => JSON.parse(JSON.stringify(window.form.value))
