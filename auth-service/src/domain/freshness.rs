//! How long something that was fetched may be kept (RFC 9111 §4.2), within bounds of our own.

/// Seconds for which an answer is fresh at least: as long as a person takes to sign in, so that one flow meets one document
/// and nobody can make us fetch at every step.
pub const MIN: u64 = 60;

/// Seconds for which an answer is fresh at most.
pub const MAX: u64 = 86_400;

/// Seconds for which an answer is fresh that does not say.
pub const DEFAULT: u64 = 3600;

/// Seconds for which an answer is fresh that came with these `Cache-Control` and `Age` lines. What cannot be read counts as
/// stale (RFC 9111 §4.2.1).
pub fn lifetime<'a>(cache_control: impl Iterator<Item = &'a str>, age: Option<&str>) -> u64 {
    let mut stated = None;
    for directive in cache_control.flat_map(|line| line.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return MIN,
            "max-age" => {
                let seconds = seconds(value.trim().trim_matches('"'));
                stated = Some(stated.map_or(seconds, |known: u64| known.min(seconds)));
            }
            _ => {}
        }
    }
    let age = age.map_or(0, seconds);
    stated.unwrap_or(DEFAULT).saturating_sub(age).clamp(MIN, MAX)
}

/// RFC 9111 §1.2.2: digits only; too many of them are the largest number.
fn seconds(text: &str) -> u64 {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().unwrap_or(u64::MAX) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d_22_headers_are_honoured_within_bounds() {
        for (lines, age, expected) in [
            (&[][..], None, DEFAULT),
            (&["public"], None, DEFAULT),
            (&["max-age=600"], None, 600),
            (&["public, Max-Age=\"600\""], None, 600),
            (&["max-age=600"], Some("100"), 500),
            (&["max-age=600"], Some("601"), MIN),
            (&["max-age=600", "max-age=300"], None, 300),
            (&["max-age=0"], None, MIN),
            (&["max-age=-5"], None, MIN),
            (&["max-age=x"], None, MIN),
            (&["max-age"], None, MIN),
            (&["no-store"], None, MIN),
            (&["max-age=600", "no-cache"], None, MIN),
            (&["max-age=31536000"], None, MAX),
            (&["max-age=99999999999999999999999"], None, MAX),
            (&["s-maxage=5, stale-if-error=9"], None, DEFAULT),
        ] {
            assert_eq!(lifetime(lines.iter().copied(), age), expected, "{lines:?} {age:?}");
        }
    }
}
