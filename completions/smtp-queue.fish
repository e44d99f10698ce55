# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_smtp_queue_global_optspecs
    string join \n h/help V/version
end

function __fish_smtp_queue_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_smtp_queue_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_smtp_queue_using_subcommand
    set -l cmd (__fish_smtp_queue_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -s V -l version -d 'Print version'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "ls" -d 'Lists messages, a line for each recipient'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "show" -d 'Tells all that is known of messages'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "cat" -d 'Writes a message as it will be sent'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "run" -d 'Delivers what is due'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "hold" -d 'Tries nothing more until the messages are released'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "release" -d 'Lets messages that are held, or held back as their senders wished, go at the next run'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "retry" -d 'Lets messages that wait be tried at the next run, and forgets that their accounts are paused'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "rm" -d 'Removes messages; nobody is told'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "bounce" -d 'Gives messages up; the next run tells their senders'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "check" -d 'Tells whether the queue moves, for monitoring: the status is 0 or 75'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand ls" -l older-than -d 'Of those, or of all, the ones that arrived longer ago than this' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand ls" -l domain -d 'Those with a recipient at this domain' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand ls" -l sender -d 'Those with this envelope sender; <> is none' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand ls" -l status -d 'Those with a recipient in this state: waiting, held, handed-over, unknown, done or refused' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand ls" -s o -l columns -d 'The columns, in this order' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand ls" -l json -d 'One JSON object a line'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand ls" -s 0 -l null -d 'End records with NUL instead of a newline'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand ls" -s e -l exit-status -d 'End with status 1 if nothing is listed'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand ls" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand ls" -s V -l version -d 'Print version'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand show" -l json -d 'One JSON object for each message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand show" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand show" -s V -l version -d 'Print version'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand cat" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand cat" -s V -l version -d 'Print version'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l timeout -d 'The whole operation ends after this time (30s, 5m, 1h) with status 75, or 79 after hand-over' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l trace -d 'Append the dialogue to FILE (created 0600; - is stderr), with every secret as *** (see pipepost-trace(5))' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l config -d 'The configuration (default: $PIPEPOST_CONFIG, ~/.config/pipepost/config.toml, /etc/pipepost/config.toml)' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l password-file -d 'Read the password from the first line of FILE, which nobody else may read' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l password-command -d 'Read the password from the first line that COMMAND prints; /bin/sh runs it' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l password-env -d 'Read the password from the environment variable NAME' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l password-fd -d 'Read the password from the first line of the file descriptor N' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l auth -d 'Log in by the first of these that the server offers (default: the strongest; see pipepost-config(5))' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l ca-file -d 'Trust the certificate authorities in FILE (PEM) alone, and verify on loopback addresses too' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l ca -d 'Trust Mozilla\'s certificate authorities (the default) or the system\'s, and verify on loopback addresses too' -r -f -a "mozilla\t'Those that Mozilla trusts'
system\t'The system\'s store'"
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l pin -d 'Trust the server with this public key alone (sha256:BASE64 or sha256:HEX), whatever its certificate says; may be repeated' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l client-cert -d 'Show this certificate to servers that ask for one: its chain and its key in one PEM file, which nobody else may read' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l proxy -d 'Connect through this proxy: socks5://[USER@]HOST[:PORT], http://[USER@]HOST:PORT, or none' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l source-address -d 'Connect from this address of the machine' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l forever -d 'Go on: deliver what comes in, and what becomes due, until a signal comes'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l json -d 'One JSON object for each attempt'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -s q -l quiet -d 'Say nothing but errors'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -s v -l verbose -d 'Tell the steps on stderr'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l trace-data -d 'Show message bodies in the trace too'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -s 4 -l ipv4 -d 'Connect to IPv4 addresses only'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -s 6 -l ipv6 -d 'Connect to IPv6 addresses only'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -s V -l version -d 'Print version'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l older-than -d 'Of those, or of all, the ones that arrived longer ago than this' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l domain -d 'Those with a recipient at this domain' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l sender -d 'Those with this envelope sender; <> is none' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l status -d 'Those with a recipient in this state: waiting, held, handed-over, unknown, done or refused' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l all -d 'All messages'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -s V -l version -d 'Print version'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l older-than -d 'Of those, or of all, the ones that arrived longer ago than this' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l domain -d 'Those with a recipient at this domain' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l sender -d 'Those with this envelope sender; <> is none' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l status -d 'Those with a recipient in this state: waiting, held, handed-over, unknown, done or refused' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l all -d 'All messages'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -s V -l version -d 'Print version'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l older-than -d 'Of those, or of all, the ones that arrived longer ago than this' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l domain -d 'Those with a recipient at this domain' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l sender -d 'Those with this envelope sender; <> is none' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l status -d 'Those with a recipient in this state: waiting, held, handed-over, unknown, done or refused' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l all -d 'All messages'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -s V -l version -d 'Print version'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand rm" -l older-than -d 'Of those, or of all, the ones that arrived longer ago than this' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand rm" -l domain -d 'Those with a recipient at this domain' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand rm" -l sender -d 'Those with this envelope sender; <> is none' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand rm" -l status -d 'Those with a recipient in this state: waiting, held, handed-over, unknown, done or refused' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand rm" -l all -d 'All messages'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand rm" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand rm" -s V -l version -d 'Print version'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l older-than -d 'Of those, or of all, the ones that arrived longer ago than this' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l domain -d 'Those with a recipient at this domain' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l sender -d 'Those with this envelope sender; <> is none' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l status -d 'Those with a recipient in this state: waiting, held, handed-over, unknown, done or refused' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l all -d 'All messages'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -s V -l version -d 'Print version'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand check" -l max-age -d 'The age of the oldest message that waits from which on something is wrong' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand check" -l json -d 'One JSON object'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand check" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand check" -s V -l version -d 'Print version'
