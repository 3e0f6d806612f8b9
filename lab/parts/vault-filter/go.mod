// What Vault 1.21.4 filters its audit entries with; the version is that of its go.mod.
module vedette.invalid/lab/vault-filter

go 1.25.3

require github.com/hashicorp/go-bexpr v0.1.12

require github.com/mitchellh/pointerstructure v1.2.1 // indirect

require github.com/mitchellh/mapstructure v1.4.1 // indirect
