target "base" {
  args = { GO = "1.24" }
}

target "app" {
  args = { GO = target.bsae.args.GO }
}

target "web" {
  args = { GO = target.base.args.GOO }
}
