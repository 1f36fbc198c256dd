target "app" {
  args = {
    A = "a-${["a"]}"
    B = "b-${null}"
    C = "%{ for x in 5 }${x}%{ endfor }"
  }
}
