function "tag" {
  params = [name]
  result = ["repo/${name}"]
}

target "app" {
  tags = tags("app")
  args = { A = toupper("a"), B = fileexists("x") }
}
