//! Changes at a few places of a JSON text; everything else stays byte for byte.

use std::borrow::Cow;
use std::ops::Range;

/// A text and the changes to it, which are made all at once, with one copy.
#[derive(Debug)]
pub(crate) struct Splice<'a> {
    text: &'a str,
    edits: Vec<(Range<usize>, Cow<'a, str>)>,
}

impl<'a> Splice<'a> {
    pub(crate) const fn of(text: &'a str) -> Self {
        Self { text, edits: Vec::new() }
    }

    /// Puts `with` in the place of `part`, which is a part of the text (not one equal to it); of anything else,
    /// nothing is changed. Parts must not overlap.
    pub(crate) fn replace(&mut self, part: &str, with: impl Into<Cow<'a, str>>) {
        if let Some(range) = self.place(part) {
            self.edits.push((range, with.into()));
        }
    }

    /// Puts `members` (`"a":1,"b":2`) at the beginning of `object`, the text of a JSON object inside the text.
    pub(crate) fn insert(&mut self, object: &str, members: &str) {
        let Some((range, rest)) = self.place(object).zip(object.strip_prefix('{')) else { return };
        let at = range.start.saturating_add(1);
        let comma = if rest.trim_ascii_start().starts_with('}') { "" } else { "," };
        self.edits.push((at..at, Cow::Owned(format!("{members}{comma}"))));
    }

    /// The changed text, on one line: line ends in valid JSON stand only between tokens, so each becomes a space.
    pub(crate) fn finish(mut self) -> String {
        self.edits.sort_by_key(|(range, _)| range.start);
        let added: usize = self.edits.iter().map(|(_, with)| with.len()).sum();
        let mut text = String::with_capacity(self.text.len().saturating_add(added));
        let mut done = 0;
        for (range, with) in &self.edits {
            text.push_str(self.text.get(done..range.start).unwrap_or_default());
            text.push_str(with);
            done = range.end;
        }
        text.push_str(self.text.get(done..).unwrap_or_default());
        if text.contains(['\r', '\n']) { text.replace(['\r', '\n'], " ") } else { text }
    }

    fn place(&self, part: &str) -> Option<Range<usize>> {
        let start = part.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?;
        let end = start.checked_add(part.len())?;
        self.text.get(start..end)?;
        Some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_replaced_whatever_their_order_and_the_rest_stays() {
        let text = "{ \"b\":1e400,\r\n\"a\":{} ,\"c\":{\"d\":2} }";
        let part = |from: &str| text.get(text.find(from).unwrap()..).unwrap();
        let mut splice = Splice::of(text);
        splice.insert(part("{\"d\""), "\"x\":0");
        splice.replace(part("1e400").get(..5).unwrap(), "\"one\"");
        splice.insert(part("{} "), "\"y\":0");
        splice.replace("c", "not a part");
        assert_eq!(splice.finish(), "{ \"b\":\"one\",  \"a\":{\"y\":0} ,\"c\":{\"x\":0,\"d\":2} }");
    }
}
