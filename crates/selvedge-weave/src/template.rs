//! Texts with variables: what aspects insert.

/// A text with `$hooks`, `$glue` and `$arg<n>` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Hooks,
    Glue,
    Argument(usize),
}

/// What the variables stand for at one place.
pub(crate) struct Variables<'a> {
    /// Path of the integration's glue module.
    pub(crate) glue: &'a str,
    /// Names of the function's parameters; `None` for one that is taken apart by a pattern.
    pub(crate) arguments: &'a [Option<&'a str>],
}

impl Template {
    pub(crate) fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        let mut plain = String::new();
        while let Some(dollar) = rest.find('$') {
            plain.push_str(&rest[..dollar]);
            let name = &rest[dollar + 1..];
            let length = name
                .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                .unwrap_or(name.len());
            if let Some(part) = variable(&name[..length]) {
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(part);
            } else {
                // Macros in `items` have variables of their own.
                plain.push_str(&rest[dollar..=dollar + length]);
            }
            rest = &name[length..];
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        parts.retain(|part| *part != Part::Text(String::new()));
        Self { parts }
    }

    /// Why the text cannot stand amid a line; `None` when it can.
    pub(crate) fn one_line_problem(&self) -> Option<&'static str> {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text),
            _ => None,
        });
        for text in texts {
            if text.contains(['\n', '\r']) {
                return Some("contains a newline");
            }
            // `https://` in a string is none.
            let mut slashes = text.match_indices("//");
            if slashes.any(|(index, _)| !text[..index].ends_with(':')) {
                return Some("contains a comment");
            }
        }
        None
    }

    /// The text with its variables replaced, or the parameter that has no name.
    pub(crate) fn render(&self, variables: &Variables<'_>) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Hooks => text.push_str("::selvedge_hooks"),
                Part::Glue => text.push_str(variables.glue),
                Part::Argument(index) => {
                    let name = variables.arguments.get(*index).copied().flatten();
                    text.push_str(name.ok_or_else(|| format!("parameter {index} has no name"))?);
                }
            }
        }
        Ok(text)
    }
}

fn variable(name: &str) -> Option<Part> {
    match name {
        "hooks" => Some(Part::Hooks),
        "glue" => Some(Part::Glue),
        _ => name.strip_prefix("arg")?.parse().ok().map(Part::Argument),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_and_other_dollars_stay() {
        let variables = Variables {
            glue: "crate::__g",
            arguments: &[Some("request")],
        };
        let template = Template::parse("$glue::f(&$arg0, $hooks::X, $other, $)");
        assert_eq!(
            template.render(&variables).expect("renders"),
            "crate::__g::f(&request, ::selvedge_hooks::X, $other, $)"
        );
        assert!(Template::parse("$arg1").render(&variables).is_err());
    }
}
