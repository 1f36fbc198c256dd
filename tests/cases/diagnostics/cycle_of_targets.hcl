target "app" {
  args = { A = target.web.args.A }
}

target "web" {
  args = { A = target.app.args.A }
}
