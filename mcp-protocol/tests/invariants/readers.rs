//! Readers of JSON that are not ours, with the habits that such readers have.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// How a reader that is not ours might treat the keys of an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader {
    first_wins: bool,
    folds_case: bool,
    cuts_at_nul: bool,
}

/// All of them.
pub(crate) fn readers() -> impl Iterator<Item = Reader> {
    (0_u8..8).map(|habits| Reader {
        first_wins: habits & 1 != 0,
        folds_case: habits & 2 != 0,
        cuts_at_nul: habits & 4 != 0,
    })
}

impl Reader {
    /// What this reader makes of `json`; `None` when it gives up (which is safe).
    pub(crate) fn read(self, json: &[u8]) -> Option<Value> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let value = self.deserialize(&mut deserializer).ok()?;
        deserializer.end().ok().map(|()| value)
    }

    fn key(self, key: String) -> String {
        let key = if self.cuts_at_nul { key.split('\0').next().unwrap_or_default().to_owned() } else { key };
        // Upper case first: it folds the long s and the dotless i, lower case the Kelvin sign.
        if self.folds_case { key.to_uppercase().to_lowercase() } else { key }
    }
}

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(self)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let (key, value) = (self.key(key), map.next_value_seed(self)?);
            if !(self.first_wins && members.contains_key(&key)) {
                members.insert(key, value);
            }
        }
        Ok(members.into())
    }
}
