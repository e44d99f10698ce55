complete -c mail-check -l timeout -d 'The whole operation ends after this time (30s, 5m, 1h) with status 75, or 79 after hand-over' -r
complete -c mail-check -l trace -d 'Append the dialogue to FILE (created 0600; - is stderr), with every secret as *** (see pipepost-trace(5))' -r
complete -c mail-check -l config -d 'The configuration (default: $PIPEPOST_CONFIG, ~/.config/pipepost/config.toml, /etc/pipepost/config.toml)' -r -F
complete -c mail-check -l password-file -d 'Read the password from the first line of FILE, which nobody else may read' -r -F
complete -c mail-check -l password-command -d 'Read the password from the first line that COMMAND prints; /bin/sh runs it' -r
complete -c mail-check -l password-env -d 'Read the password from the environment variable NAME' -r
complete -c mail-check -l password-fd -d 'Read the password from the first line of the file descriptor N' -r
complete -c mail-check -l show -d 'Print the settings in force and where each comes from, and connect to nobody'
complete -c mail-check -l json -d 'One JSON object for each step, or setting'
complete -c mail-check -s q -l quiet -d 'Say nothing but errors'
complete -c mail-check -s v -l verbose -d 'Tell the steps on stderr'
complete -c mail-check -l trace-data -d 'Show message bodies in the trace too'
complete -c mail-check -s h -l help -d 'Print help'
complete -c mail-check -s V -l version -d 'Print version'
