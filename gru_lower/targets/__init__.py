"""What runtimes take: profiles as data, one TOML file each."""
