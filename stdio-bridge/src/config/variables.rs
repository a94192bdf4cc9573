//! Variables in `mcp.json`: `${NAME}` and `${NAME:-default}`, as desktop clients write them, from the bridge's own environment.
//!
//! A file with such a reference never starts a server with the reference itself in place of the secret: what is not set, and
//! has no default, is a mistake that names itself. A literal `${` is written `$${`.

use service_kit::settings::Strings;

use super::document::Entry;

/// Why a text with variables has no value. Never holds a value: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum VariableError {
    /// The variable is not set (or empty), and no default is given.
    #[error("the variable {0} is not set; set it, or give a default with ${{{0}:-…}}")]
    Missing(String),
    /// Something else stands between the braces, or they are not closed.
    #[error(
        "expected ${{NAME}} or ${{NAME:-default}} with a name of A-Z, 0-9 and _; write $${{ for a literal ${{"
    )]
    Malformed,
}

/// Fills in the variables of everything in an entry that reaches a server.
///
/// # Errors
/// Every mistake; each continues the place of the entry, as in `.args[1]: the variable …`.
pub(super) fn fill<S: Strings>(mut entry: Entry, strings: &S) -> Result<Entry, Vec<String>> {
    let mut mistakes = Vec::new();
    let mut fill = |place: String, text: &mut String| match expand(text, strings) {
        Ok(expanded) => *text = expanded,
        Err(error) => mistakes.push(format!(".{place}: {error}")),
    };
    fill("command".to_owned(), &mut entry.command);
    for (index, argument) in entry.arguments.iter_mut().enumerate() {
        fill(format!("args[{index}]"), argument);
    }
    for (name, value) in &mut entry.environment {
        fill(format!("env.{name}"), value);
    }
    if let Some(directory) = &mut entry.directory {
        fill("cwd".to_owned(), directory);
    }
    let sandbox = entry.sandbox.iter_mut();
    for (name, paths) in
        sandbox.flat_map(|sandbox| [("read", &mut sandbox.read), ("write", &mut sandbox.write)])
    {
        for (index, path) in paths.iter_mut().flatten().enumerate() {
            fill(format!("sandbox.{name}[{index}]"), path);
        }
    }
    if mistakes.is_empty() { Ok(entry) } else { Err(mistakes) }
}

/// `text` with its variables filled in. What they hold is not looked through again.
fn expand<S: Strings>(text: &str, strings: &S) -> Result<String, VariableError> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            expanded.push_str(before);
            expanded.push_str("${");
            rest = after;
            continue;
        }
        let (reference, after) = after.split_once('}').ok_or(VariableError::Malformed)?;
        expanded.push_str(before);
        expanded.push_str(&resolve(reference, strings)?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn resolve<S: Strings>(reference: &str, strings: &S) -> Result<String, VariableError> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) || !name.bytes().all(plain) {
        return Err(VariableError::Malformed);
    }
    strings
        .get(name)
        .or_else(|| default.map(str::to_owned))
        .ok_or_else(|| VariableError::Missing(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn expanded(text: &str) -> Result<String, VariableError> {
        let environment = [("TOKEN", "s3cret"), ("EMPTY", ""), ("NESTED", "${TOKEN}"), ("_x1", "low")];
        expand(text, &BTreeMap::from(environment.map(|(name, value)| (name.to_owned(), value.to_owned()))))
    }

    #[test]
    fn variables_defaults_and_literals_are_told_apart() {
        for (text, expected) in [
            ("", ""),
            ("plain $HOME 5$ {x}", "plain $HOME 5$ {x}"),
            ("${TOKEN}", "s3cret"),
            ("Bearer ${TOKEN}!", "Bearer s3cret!"),
            ("${TOKEN}${_x1}", "s3cretlow"),
            ("${ABSENT:-a b:-c}", "a b:-c"),
            ("${EMPTY:-d}", "d"),
            ("${ABSENT:-}", ""),
            ("$${TOKEN}", "${TOKEN}"),
            ("a$$${TOKEN}", "a$${TOKEN}"),
            ("${NESTED}", "${TOKEN}"),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn h_82_a_variable_that_is_not_set_names_itself() {
        for text in ["${ABSENT}", "x${TOKEN}${ABSENT}", "${EMPTY}"] {
            let error = expanded(text).unwrap_err();
            assert!(
                matches!(&error, VariableError::Missing(name) if text.contains(name.as_str())),
                "{error}"
            );
            assert!(!error.to_string().contains("s3cret"));
        }
        assert_eq!(
            VariableError::Missing("API_KEY".to_owned()).to_string(),
            "the variable API_KEY is not set; set it, or give a default with ${API_KEY:-…}"
        );
    }

    #[test]
    fn what_is_no_reference_is_a_mistake_and_not_passed_on() {
        for text in ["${}", "${TOKEN", "${1A}", "${env:TOKEN}", "${TOKEN-x}", "${TO KEN}", "${:-x}"] {
            assert_eq!(expanded(text), Err(VariableError::Malformed), "{text}");
        }
    }
}
