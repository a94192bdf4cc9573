//! A good text, and what the fuzzer changes in it: so that it need not find the good text first.

/// The input itself when its first byte is even; otherwise `good` with edits: where (2 bytes), how much to cut out, how
/// much of the input to put there instead.
pub(crate) fn graft(good: &[u8], data: &[u8]) -> Vec<u8> {
    let Some((kind, mut rest)) = data.split_first() else { return Vec::new() };
    if kind % 2 == 0 {
        return rest.to_vec();
    }
    let mut text = good.to_vec();
    while let [high, low, cut, length, more @ ..] = rest {
        let start = usize::from(u16::from_be_bytes([*high, *low])) % (text.len() + 1);
        let end = text.len().min(start + usize::from(*cut));
        let (piece, others) = more.split_at(more.len().min(usize::from(*length)));
        text.splice(start..end, piece.iter().copied());
        rest = others;
    }
    text
}
