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

complete -c mailfmt -n "__fish_mailfmt_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "new" -d 'Composes a message with the body from stdin'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "reply" -d 'Composes an answer to who wrote a message'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "reply-all" -d 'Composes an answer to everybody who got a message'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "forward" -d 'Composes a message that holds another one'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "bounce" -d 'Sends a message on as it is: puts Resent- fields before it'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "show" -d 'Shows a message as text in UTF-8'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "head" -d 'Prints header fields of messages, decoded, one a line'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "list" -d 'Lists messages, one a line'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "tree" -d 'Lists the parts of messages'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "cat" -d 'Writes the content of one part, decoded'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "text" -d 'Prints the readable text of messages: their body alone, decoded, in UTF-8'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "set" -d 'Changes header fields; every other byte stays as it is'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "convert" -d 'Moves messages from one form into another: splits an mbox, joins files, fills a Maildir'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "dedupe" -d 'Writes messages without those that were there before; of equal ones the first stays'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "json" -d 'Prints messages as JSON, one object a line, from which unjson makes the same bytes again'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "unjson" -d 'Makes messages of what json printed'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "extract" -d 'Writes attachments to files, and tells what became of each'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "strip" -d 'Takes attachments out of messages; a note stays in the place of each'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "recode" -d 'Encodes parts that are not 7-bit, or have lines over 998 bytes; every other byte stays'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "repair" -d 'Mends what can be mended, every other byte stays'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "lint" -d 'Checks messages against the standards: file:line:col: severity code text'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "dsn" -d 'Reads delivery status notifications: one JSON object a recipient'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "auth" -d 'Reads Authentication-Results fields: one JSON object a field, the topmost first'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "pick" -d 'Writes the messages for which something holds'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "sort" -d 'Writes messages in another order'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "split" -d 'Writes each message into a file of its own, or so many into each mbox; no byte of them is changed'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "join" -d 'Writes all messages as one mbox, or as one message'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "thread" -d 'Lists conversations: each message below the one that it answers'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "each" -d 'Runs a command for each message, which it finds on its stdin'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "sign" -d 'Signs messages with DKIM, OpenPGP or S/MIME'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "verify" -d 'Verifies DKIM signatures: a line for each, the topmost first'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "encrypt" -d 'Encrypts messages by OpenPGP (gpg) or S/MIME (openssl)'
complete -c mailfmt -n "__fish_mailfmt_needs_command" -f -a "decrypt" -d 'Decrypts messages that are encrypted as a whole'
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
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l seed -d 'What boundaries and the Message-ID are made of, letters and digits (default: random); with a date, the same input gives the same message' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l template -d 'Compose: {{NAME}} in text, HTML, subject, addresses, fields and names of files stands for the environment variable'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l auto-submitted -d 'Say that no person wrote it (Auto-Submitted: auto-generated)'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l edit -d 'Edit the message in $VISUAL or $EDITOR before it is made'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -l raw -d 'Escape nothing on a terminal'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand new" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l text -d 'The new text (- is stdin)' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -s s -l subject -d 'Compose: the subject' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l from -d 'Compose: who it is from (default: USER@HOST)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l to -d 'Compose: addresses for To' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l cc -d 'Compose: addresses for Cc' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l bcc -d 'Compose: blind recipients' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l attach -d 'Compose: attach a file (- is stdin), of this media type and under this name if they are given' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l inline -d 'Compose: a file that the HTML shows where it says cid:NAME' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l html -d 'Compose: an HTML alternative to the text (- is stdin); without a text on stdin the text is made of it' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l header -d 'Compose: a further header field, \'Name: value\'' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l charset -d 'Compose: the charset of text and HTML (default: UTF-8 if they are that, else what they or the locale say)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l merge -d 'Compose: a message for each row of FILE (CSV, .tsv, .json, .ndjson); {{NAME}} stands for the row\'s value of that name' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l me -d 'An address of who answers: it gets no copy, and the message is from it if the original was for it; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l date -d 'The date, as in a Date field (default: now, or $SOURCE_DATE_EPOCH)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l message-id -d 'The Message-ID, with or without angle brackets (default: random)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l seed -d 'What boundaries and the Message-ID are made of, letters and digits (default: random); with a date, the same input gives the same message' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l attribution -d 'The line before the quoted text, with columns of list and header fields in braces' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l template -d 'Compose: {{NAME}} in text, HTML, subject, addresses, fields and names of files stands for the environment variable'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l edit -d 'Edit the message in $VISUAL or $EDITOR before it is made'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l raw -d 'Escape nothing on a terminal'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l no-quote -d 'Do not quote the message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l above -d 'Put the new text above the quoted one'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -l to-list -d 'Answer to the mailing list (List-Post) instead'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l text -d 'The new text (- is stdin)' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -s s -l subject -d 'Compose: the subject' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l from -d 'Compose: who it is from (default: USER@HOST)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l to -d 'Compose: addresses for To' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l cc -d 'Compose: addresses for Cc' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l bcc -d 'Compose: blind recipients' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l attach -d 'Compose: attach a file (- is stdin), of this media type and under this name if they are given' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l inline -d 'Compose: a file that the HTML shows where it says cid:NAME' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l html -d 'Compose: an HTML alternative to the text (- is stdin); without a text on stdin the text is made of it' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l header -d 'Compose: a further header field, \'Name: value\'' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l charset -d 'Compose: the charset of text and HTML (default: UTF-8 if they are that, else what they or the locale say)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l merge -d 'Compose: a message for each row of FILE (CSV, .tsv, .json, .ndjson); {{NAME}} stands for the row\'s value of that name' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l me -d 'An address of who answers: it gets no copy, and the message is from it if the original was for it; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l date -d 'The date, as in a Date field (default: now, or $SOURCE_DATE_EPOCH)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l message-id -d 'The Message-ID, with or without angle brackets (default: random)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l seed -d 'What boundaries and the Message-ID are made of, letters and digits (default: random); with a date, the same input gives the same message' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l attribution -d 'The line before the quoted text, with columns of list and header fields in braces' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l template -d 'Compose: {{NAME}} in text, HTML, subject, addresses, fields and names of files stands for the environment variable'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l edit -d 'Edit the message in $VISUAL or $EDITOR before it is made'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l raw -d 'Escape nothing on a terminal'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l no-quote -d 'Do not quote the message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -l above -d 'Put the new text above the quoted one'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand reply-all" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l text -d 'The new text (- is stdin)' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -s s -l subject -d 'Compose: the subject' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l from -d 'Compose: who it is from (default: USER@HOST)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l to -d 'Compose: addresses for To' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l cc -d 'Compose: addresses for Cc' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l bcc -d 'Compose: blind recipients' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l attach -d 'Compose: attach a file (- is stdin), of this media type and under this name if they are given' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l inline -d 'Compose: a file that the HTML shows where it says cid:NAME' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l html -d 'Compose: an HTML alternative to the text (- is stdin); without a text on stdin the text is made of it' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l header -d 'Compose: a further header field, \'Name: value\'' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l charset -d 'Compose: the charset of text and HTML (default: UTF-8 if they are that, else what they or the locale say)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l merge -d 'Compose: a message for each row of FILE (CSV, .tsv, .json, .ndjson); {{NAME}} stands for the row\'s value of that name' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l me -d 'An address of who answers: it gets no copy, and the message is from it if the original was for it; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l date -d 'The date, as in a Date field (default: now, or $SOURCE_DATE_EPOCH)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l message-id -d 'The Message-ID, with or without angle brackets (default: random)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l seed -d 'What boundaries and the Message-ID are made of, letters and digits (default: random); with a date, the same input gives the same message' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l template -d 'Compose: {{NAME}} in text, HTML, subject, addresses, fields and names of files stands for the environment variable'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l edit -d 'Edit the message in $VISUAL or $EDITOR before it is made'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l raw -d 'Escape nothing on a terminal'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -l as-message -d 'Attach the message whole, as message/rfc822; recoded to 7 bits if it has others'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand forward" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand bounce" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand bounce" -l from -d 'Compose: who it is from (default: USER@HOST)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand bounce" -l to -d 'Compose: addresses for To' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand bounce" -l cc -d 'Compose: addresses for Cc' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand bounce" -l bcc -d 'Compose: blind recipients' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand bounce" -l date -d 'The date, as in a Date field (default: now, or $SOURCE_DATE_EPOCH)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand bounce" -l message-id -d 'The Message-ID, with or without angle brackets (default: random)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand bounce" -l seed -d 'What boundaries and the Message-ID are made of, letters and digits (default: random); with a date, the same input gives the same message' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand bounce" -l into -d 'Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand bounce" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand bounce" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand bounce" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand bounce" -l raw -d 'stdout gets the messages as they are'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand bounce" -l mbox -d 'stdout gets an mboxrd stream, also for one message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand bounce" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand bounce" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -l part -d 'Write the content of one part, by its number in --tree, decoded; the message is one, or the first of an mbox' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -l width -d 'Columns of text that is made of HTML' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -l quote-depth -d 'Leave out lines that are quoted more often; how many they are is told' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -l tree -d 'List the parts: number, type, charset, encoding, size in bytes as it travels, name'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -l json -d 'Print one JSON object a message: header fields in order and the MIME tree (see JSON below)'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -l raw -d 'Escape nothing'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand show" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand head" -l input -d 'Read this (as FILE of the other verbs) instead of stdin; may be repeated' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand head" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand head" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand head" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand head" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand head" -l raw -d 'Print the fields byte for byte, folded and encoded as they are'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand head" -l addresses -d 'Print the addresses in the fields, one a line'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand head" -l dates -d 'Print the dates of the fields (of Received: when it came), one a line, as 2026-11-22T22:16:00+00:00'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand head" -l json -d 'Print one JSON object a message: {"headers": [{"name", "raw", "decoded"}]}'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand head" -s e -l exit-status -d 'End with status 1 if no field was found'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand head" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand head" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand list" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand list" -s o -l columns -d 'The columns, in this order' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand list" -l format -d 'Print a line of this form a message: {COLUMN}, {FIELD} (any header field), {sent} (the date as mail writes it), {name} (of who wrote it), \\\\t, \\\\n' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand list" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand list" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand list" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand list" -l json -d 'Print one JSON object a message, with all columns'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand list" -s e -l exit-status -d 'End with status 1 if there is no message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand list" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand tree" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand tree" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand tree" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand tree" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand tree" -l json -d 'Print one JSON object a message: header fields in order and the MIME tree (see JSON below)'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand tree" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand tree" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand cat" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand cat" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand cat" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand cat" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand cat" -l raw -d 'Escape nothing on a terminal'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand cat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand cat" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand text" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand text" -l width -d 'Columns of text that is made of HTML' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand text" -l quote-depth -d 'Leave out lines that are quoted more often; how many they are is told' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand text" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand text" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand text" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand text" -l raw -d 'Escape nothing'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand text" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand text" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand set" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand set" -l drop -d 'Take out all fields of this name' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand set" -l rename-field -d 'Rename fields; their values stay byte for byte' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand set" -l keep-first -d 'Of several fields of this name keep the first' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand set" -l keep-last -d 'Of several fields of this name keep the last' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand set" -l replace -d 'Put this in the place of all fields of its name, at the end if there is none' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand set" -l default -d 'Put this at the end if there is no field of its name' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand set" -l append -d 'Put this at the end, whatever there is' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand set" -l prepend -d 'Put this at the beginning, whatever there is' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand set" -l into -d 'Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand set" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand set" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand set" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand set" -l raw -d 'stdout gets the messages as they are'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand set" -l mbox -d 'stdout gets an mboxrd stream, also for one message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand set" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand convert" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand convert" -l into -d 'Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand convert" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand convert" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand convert" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand convert" -l raw -d 'stdout gets the messages as they are'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand convert" -l mbox -d 'stdout gets an mboxrd stream, also for one message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand convert" -l to-null -d 'stdout gets the messages with NUL at the end of each'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand convert" -l to-ndjson -d 'stdout gets a JSON object a line, with raw or raw64: what smtp-send --ndjson reads'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand convert" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand convert" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dedupe" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dedupe" -l into -d 'Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dedupe" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dedupe" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dedupe" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dedupe" -l by-bytes -d 'Go by all bytes, not by Message-ID'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dedupe" -l duplicates -d 'Write no messages but a line for each that is there again: its number, the number of the first, their Message-ID or digest'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dedupe" -l raw -d 'stdout gets the messages as they are'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dedupe" -l mbox -d 'stdout gets an mboxrd stream, also for one message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dedupe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dedupe" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand json" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand json" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand json" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand json" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand json" -l schema -d 'Print the JSON Schema of the objects instead'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand json" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand json" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand unjson" -l into -d 'Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand unjson" -l raw -d 'stdout gets the messages as they are'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand unjson" -l mbox -d 'stdout gets an mboxrd stream, also for one message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand unjson" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand unjson" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -s d -l dir -d 'Write the files into this directory, which is made if it is missing' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -l part -d 'This part, by its number in tree' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -l name -d 'Parts with such a name: * is anything, ? one character' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -l type -d 'Parts of such a type, like application/pdf or image/*' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -l id -d 'The part with this Content-ID' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -l jobs -d 'Take so many messages apart at a time; what is written, and its order, is the same' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -l all -d 'All parts, texts too'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -l tar -d 'Write a tar archive to stdout'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -l stdout -d 'Write the contents to stdout, one behind the other'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -l utf8 -d 'Write texts in UTF-8, not in their charset'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -s n -l dry-run -d 'Tell what would be written; write nothing'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -l json -d 'Tell it as a JSON object a file'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -s q -l quiet -d 'Say nothing but errors'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -l strict -d 'A content that is damaged makes the status 65'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -s e -l exit-status -d 'End with status 1 if there is nothing to write'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand extract" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand strip" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand strip" -l part -d 'This part, by its number in tree' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand strip" -l name -d 'Parts with such a name: * is anything, ? one character' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand strip" -l type -d 'Parts of such a type, like application/pdf or image/*' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand strip" -l id -d 'The part with this Content-ID' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand strip" -l into -d 'Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand strip" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand strip" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand strip" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand strip" -l all -d 'All parts, texts too'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand strip" -l raw -d 'stdout gets the messages as they are'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand strip" -l mbox -d 'stdout gets an mboxrd stream, also for one message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand strip" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand strip" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand recode" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand recode" -l to-charset -d 'Texts in other charsets become texts in this one; those that are signed or encrypted stay' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand recode" -l into -d 'Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand recode" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand recode" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand recode" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand recode" -l keep-8bit -d 'Leave 8-bit parts; only lines over 998 bytes and NULs are encoded'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand recode" -l lossy -d 'What has no form in the new charset becomes a question mark'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand recode" -l raw -d 'stdout gets the messages as they are'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand recode" -l mbox -d 'stdout gets an mboxrd stream, also for one message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand recode" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand recode" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand repair" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand repair" -l only -d 'Only these repairs, by the code that lint has for what is wrong' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand repair" -l into -d 'Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand repair" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand repair" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand repair" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand repair" -s n -l dry-run -d 'Tell what would be mended, on stdout, and write no message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand repair" -s e -l exit-status -d 'End with status 1 if there is nothing to mend'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand repair" -l raw -d 'stdout gets the messages as they are'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand repair" -l mbox -d 'stdout gets an mboxrd stream, also for one message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand repair" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand repair" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand lint" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand lint" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand lint" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand lint" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand lint" -l lenient -d 'Mind only what breaks on the way, or can\'t be read; the rest are warnings, or nothing'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand lint" -l kind -d 'Tell of mboxes which kind each is (rd, o, cl, cl2), by what that is told, and which From lines are doubtful; check nothing else'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand lint" -l json -d 'Print one JSON object a finding'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand lint" -s q -l quiet -d 'Say nothing but errors'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand lint" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand lint" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dsn" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dsn" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dsn" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dsn" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dsn" -s e -l exit-status -d 'End with status 1 if no recipient was found'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dsn" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand dsn" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand auth" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand auth" -l server -d 'Only what this server says' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand auth" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand auth" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand auth" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand auth" -s e -l exit-status -d 'End with status 1 if no field was found'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand auth" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand auth" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand pick" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand pick" -l into -d 'Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand pick" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand pick" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand pick" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand pick" -l invert -d 'Write those for which it does not hold'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand pick" -s e -l exit-status -d 'End with status 1 if there is none'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand pick" -l raw -d 'stdout gets the messages as they are'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand pick" -l mbox -d 'stdout gets an mboxrd stream, also for one message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand pick" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand pick" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sort" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sort" -l by -d 'Sort by received (of a Maildir\'s file or a From_ line), date, from, to (names, or addresses), cc, subject (without Re:) or size; - before one turns it round' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sort" -l into -d 'Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sort" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sort" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sort" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sort" -s r -l reverse -d 'The other way round: the newest first, or the order that is asked for from its end'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sort" -l raw -d 'stdout gets the messages as they are'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sort" -l mbox -d 'stdout gets an mboxrd stream, also for one message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sort" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sort" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand split" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand split" -s d -l dir -d 'Write the files into this directory, which is made if it is missing' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand split" -l names -d 'The names of the files: {number} (in six digits), columns and fields as in list --format; what leaves the directory or hides a file becomes _ (default: {number}.eml, or {number}.mbox)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand split" -l every -d 'Write mboxes (mboxrd) of so many messages each, not a file for each message; {number} is that of the first' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand split" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand split" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand split" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand split" -l to-null -d 'stdout gets the messages with NUL at the end of each'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand split" -l to-ndjson -d 'stdout gets a JSON object a line, with raw or raw64: what smtp-send --ndjson reads'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand split" -l digest -d 'Take the messages out of those of the input: out of a multipart/digest, or attached ones'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand split" -l json -d 'Tell it as a JSON object a file'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand split" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand split" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand join" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand join" -l as -d 'The kind of mbox: rd, which gives every message back as it was; o, which does not for lines that begin with >From; cl and cl2, where a field Content-Length says how long each is' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand join" -s s -l subject -d 'Compose: the subject' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand join" -l from -d 'Compose: who it is from (default: USER@HOST)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand join" -l to -d 'Compose: addresses for To' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand join" -l date -d 'The date, as in a Date field (default: now, or $SOURCE_DATE_EPOCH)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand join" -l message-id -d 'The Message-ID, with or without angle brackets (default: random)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand join" -l seed -d 'What boundaries and the Message-ID are made of, letters and digits (default: random); with a date, the same input gives the same message' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand join" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand join" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand join" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand join" -l digest -d 'Write one message that has the others as its parts (multipart/digest)'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand join" -l raw -d 'Escape nothing on a terminal'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand join" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand join" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand thread" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand thread" -s o -l columns -d 'The columns, in this order' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand thread" -l into -d 'Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand thread" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand thread" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand thread" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand thread" -l json -d 'Print one JSON object a message, with all columns and parent'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand thread" -s r -l reverse -d 'The other way round: the newest first, or the order that is asked for from its end'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand thread" -s e -l exit-status -d 'End with status 1 if there is no message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand thread" -l raw -d 'stdout gets the messages as they are'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand thread" -l mbox -d 'stdout gets an mboxrd stream, also for one message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand thread" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand thread" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand each" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand each" -l jobs -d 'Run so many commands at a time' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand each" -l into -d 'Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand each" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand each" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand each" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand each" -l through -d 'Write messages: what the command prints, each. Where it fails, the message as it was'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand each" -l select -d 'Write the messages for which the command ends with 0, and not those for which it ends with 1. Where it fails, the message is written'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand each" -s e -l exit-status -d 'End with status 1 if no message is written'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand each" -l raw -d 'stdout gets the messages as they are'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand each" -l mbox -d 'stdout gets an mboxrd stream, also for one message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand each" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand each" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l key-file -d 'The private key: PEM (PKCS#1, PKCS#8), or the 32 bytes of an Ed25519 key in base64; a file that nobody else may read' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l signing-domain -d 'The domain that signs' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l selector -d 'Where its public key is: at SELECTOR._domainkey.DOMAIN' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l identity -d 'On whose behalf it signs: an address of the domain or below it, or @ and such a domain' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l canonicalization -d 'What may change on the way, of header and body: simple (nothing) or relaxed (blanks and folding)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l signed-fields -d 'Sign these fields, each as often as it is named (default: those that matter, some once more than they are there, so that nobody can add one)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l expires -d 'The signature is good for so long (30s, 5m, 7d)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l signer -d 'OpenPGP: sign with this key (default: the one that gpg takes)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l cert -d 'S/MIME: the certificate of that key, PEM' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l smime-key -d 'S/MIME: the private key, PEM' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l into -d 'Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l body-length -d 'Say how long the body is, so that others may append to it, whatever that is'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l pgp -d 'By OpenPGP'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l smime -d 'By S/MIME'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l raw -d 'stdout gets the messages as they are'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -l mbox -d 'stdout gets an mboxrd stream, also for one message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand sign" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand verify" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand verify" -l keys -d 'Keys: lines with SELECTOR._domainkey.DOMAIN, a blank and its TXT record, as it is or as in a zone file' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand verify" -l resolver -d 'Ask this DNS resolver (default: those of /etc/resolv.conf)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand verify" -l smime-ca -d 'S/MIME: trust the authorities in this file, PEM' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand verify" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand verify" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand verify" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand verify" -l dns -d 'Ask the DNS for keys'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand verify" -l secure -d 'Verify what is signed as a whole: OpenPGP by gpg, S/MIME by openssl'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand verify" -l arc -d 'Verify the chain of ARC too: a line more for messages that have one'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand verify" -l json -d 'Print one JSON object a signature'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand verify" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand encrypt" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand encrypt" -l recipient -d 'OpenPGP: for these keys: addresses, or their fingerprints' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand encrypt" -l recipient-cert -d 'S/MIME: for the owners of these certificates' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand encrypt" -l signer -d 'OpenPGP: sign with this key (default: the one that gpg takes)' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand encrypt" -l into -d 'Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand encrypt" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand encrypt" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand encrypt" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand encrypt" -l pgp -d 'By OpenPGP'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand encrypt" -l smime -d 'By S/MIME'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand encrypt" -l sign -d 'OpenPGP: sign it too, inside'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand encrypt" -l raw -d 'stdout gets the messages as they are'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand encrypt" -l mbox -d 'stdout gets an mboxrd stream, also for one message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand encrypt" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand encrypt" -s V -l version -d 'Print version'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand decrypt" -l variant -d 'The input is an mbox of this variant: rd, o, cl, cl2, or auto, which lint --kind explains (default: rd, if its first line begins with "From ")' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand decrypt" -l smime-key -d 'S/MIME: the private key, PEM' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand decrypt" -l cert -d 'S/MIME: the certificate of that key, PEM' -r -F
complete -c mailfmt -n "__fish_mailfmt_using_subcommand decrypt" -l into -d 'Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be repeated' -r
complete -c mailfmt -n "__fish_mailfmt_using_subcommand decrypt" -s 0 -l null -d 'Each message of the input ends with NUL'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand decrypt" -l ndjson -d 'The input is a JSON object a line, each with a message in raw or raw64'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand decrypt" -l one -d 'The input is one message, also if its first line begins with "From "'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand decrypt" -l raw -d 'stdout gets the messages as they are'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand decrypt" -l mbox -d 'stdout gets an mboxrd stream, also for one message'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand decrypt" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mailfmt -n "__fish_mailfmt_using_subcommand decrypt" -s V -l version -d 'Print version'
