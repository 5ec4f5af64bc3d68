// Completions for shells, made from the commands themselves: of a command's name, of its options, and of an option's
// words. Where nothing is known the shell completes files.
//   https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html
//   https://zsh.sourceforge.io/Doc/Release/Completion-System.html
//   https://fishshell.com/docs/current/completions.html

/** A command as a shell completes it. */
export interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  /** Words that its argument may be; empty where it is a file. */
  readonly words: readonly string[];
  readonly options: readonly CompletedOption[];
}

export interface CompletedOption {
  /** Such as `--epochs`. */
  readonly flag: string;
  readonly help: string;
  /** What its value is called, such as `N`; undefined where it takes none. */
  readonly value: string | undefined;
  /** Words that the value may be. */
  readonly words: readonly string[];
}

export const shells = ["bash", "zsh", "fish"] as const;

/** The script that a shell reads to complete `deepobf`. */
export function completionScript(
  shell: (typeof shells)[number],
  commands: readonly CompletedCommand[],
): string {
  return { bash, zsh, fish }[shell](commands);
}

function bash(commands: readonly CompletedCommand[]): string {
  const offer = (words: readonly string[]) =>
    `COMPREPLY=($(compgen -W "${words.join(" ")}" -- "$word"))`;
  const values = commands.flatMap(({ name, options }) =>
    options
      .filter(({ value }) => value !== undefined)
      .map(({ flag, words }) => {
        const offered = words.length > 0 ? `${offer(words)}; ` : "";
        return `    "${name} ${flag}") ${offered}return ;;`;
      }),
  );
  const flags = commands.map(
    ({ name, options }) => `      ${name}) ${offer(options.map(({ flag }) => flag))} ;;`,
  );
  const named = commands.filter(({ words }) => words.length > 0);
  const words = named.map(({ name, words }) => `    ${name}) ${offer(words)} ;;`);
  return `_deepobf() {
  local word="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    ${offer(commands.map(({ name }) => name))}
    return
  fi
  case "$command \${COMP_WORDS[COMP_CWORD-1]}" in
${values.join("\n")}
  esac
  if [ "\${word#-}" != "$word" ]; then
    case "$command" in
${flags.join("\n")}
    esac
    return
  fi
  case "$command" in
${words.join("\n")}
  esac
}
complete -o bashdefault -o default -F _deepobf deepobf
`;
}

function zsh(commands: readonly CompletedCommand[]): string {
  const bracketed = (text: string) => quoted(text.replaceAll(/[\\[\]:]/g, "\\$&"));
  const option = ({ flag, help, value, words }: CompletedOption) => {
    const action = words.length > 0 ? `(${words.join(" ")})` : isPath(value) ? "_files" : "";
    const argument = value === undefined ? "" : `:${value.replaceAll(":", "\\:")}:${action}`;
    return `'${flag}[${bracketed(help)}]${argument}'`;
  };
  const branches = commands.map(({ name, words, options }) => {
    const argument = words.length > 0 ? `(${words.join(" ")})` : "_files";
    return `    ${name}) _arguments ${options.map(option).join(" ")} '*:argument:${argument}' ;;`;
  });
  const names = commands.map(({ name, summary }) => `'${name}:${quoted(summary)}'`);
  return `#compdef deepobf
_deepobf() {
  local -a commands=(${names.join(" ")})
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${branches.join("\n")}
  esac
}
if [ "$funcstack[1]" = _deepobf ]; then _deepobf "$@"; else compdef _deepobf deepobf; fi
`;
}

function fish(commands: readonly CompletedCommand[]): string {
  const line = (...parts: readonly string[]) => ["complete -c deepobf", ...parts].join(" ");
  const text = (words: string) => `'${words.replaceAll(/[\\']/g, "\\$&")}'`;
  const lines = commands.flatMap(({ name, summary, words, options }) => {
    const inside = `-n '__fish_seen_subcommand_from ${name}'`;
    const option = ({ flag, help, value, words }: CompletedOption) => {
      const takes = value === undefined ? [] : isPath(value) ? ["-r"] : ["-x"];
      const offered = words.length > 0 ? ["-a", text(words.join(" "))] : [];
      return line(inside, `-l ${flag.slice(2)}`, ...takes, ...offered, "-d", text(help));
    };
    return [
      line("-f -n __fish_use_subcommand -a", name, "-d", text(summary)),
      ...(words.length > 0 ? [line("-f", inside, "-a", text(words.join(" ")))] : []),
      ...options.map(option),
    ];
  });
  return `${lines.join("\n")}\n`;
}

/** Text between single quotes, as POSIX shells read it. */
function quoted(text: string): string {
  return text.replaceAll("'", "'\\''");
}

function isPath(value: string | undefined): boolean {
  return /^(FILE|DIR|DATA|FOLDER|ORIGINAL)\b/.test(value ?? "");
}
