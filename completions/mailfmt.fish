# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_mailfmt_global_optspecs
    string join \n h/help V/version
end

function __fish_mailfmt_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_mailfmt_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_mailfmt_using_subcommand
    set -l cmd (__fish_mailfmt_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c mailfmt -n "__fish_mailfmt_needs_command" -s h -l help -d 'Print help'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "new" -d 'Composes a message with the body from stdin'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "show" -d 'Shows a message as text in UTF-8'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "head" -d 'Prints header fields of messages on stdin, decoded, one a line'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -s s -l subject -d 'Compose: the subject' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l from -d 'Compose: who it is from (default: USER@HOST)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l to -d 'Compose: addresses for To' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l cc -d 'Compose: addresses for Cc' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l bcc -d 'Compose: blind recipients' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l attach -d 'Compose: attach a file (- is stdin), of this media type and under this name if they are given' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l inline -d 'Compose: a file that the HTML shows where it says cid:NAME' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l html -d 'Compose: an HTML alternative to the text (- is stdin); without a text on stdin the text is made of it' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l header -d 'Compose: a further header field, \'Name: value\'' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l charset -d 'Compose: the charset of text and HTML (default: UTF-8 if they are that, else what they or the locale say)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l merge -d 'Compose: a message for each row of FILE (CSV, .tsv, .json, .ndjson); {{NAME}} stands for the row\'s value of that name' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l date -d 'The date, as in a Date field (default: now, or $SOURCE_DATE_EPOCH)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l message-id -d 'The Message-ID, with or without angle brackets (default: random)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l seed -d 'What boundaries are made of, letters and digits (default: random); with --date and --message-id, the same input gives the same message' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l template -d 'Compose: {{NAME}} in text, HTML, subject, addresses, fields and names of files stands for the environment variable'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l auto-submitted -d 'Say that no person wrote it (Auto-Submitted: auto-generated)'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l raw -d 'Escape nothing on a terminal'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -l part -d 'Write the content of one part, by its number in --tree, decoded; the message is one, or the first of an mbox' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -l tree -d 'List the parts: number, type, charset, encoding, size in bytes as it travels, name'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -l json -d 'Print one JSON object a message: header fields in order and the MIME tree (see JSON below)'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -l raw -d 'Escape nothing'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand head" -l raw -d 'Print the fields byte for byte, folded and encoded as they are'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand head" -l json -d 'Print one JSON object a message: {"headers": [{"name", "raw", "decoded"}]}'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand head" -s e -l exit-status -d 'End with status 1 if no field was found'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand head" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand head" -s V -l version -d 'Print version'
