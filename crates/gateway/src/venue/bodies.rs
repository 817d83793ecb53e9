//! What requests of the administration say, as JSON.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct CreateAsset {
    pub(crate) request_id: String,
    pub(crate) code: String,
    pub(crate) scale: u8,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct CreateSymbol {
    pub(crate) request_id: String,
    pub(crate) code: String,
    pub(crate) base: String,
    pub(crate) quote: String,
    pub(crate) tick_size: String,
    pub(crate) lot_size: String,
    #[serde(default, deserialize_with = "object")]
    pub(crate) limits: Limits,
    #[serde(default, deserialize_with = "object_or_null")]
    pub(crate) fees: Option<Fees>,
}

/// What is absent is as wide as it can be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Limits {
    pub(crate) min_price: Option<String>,
    pub(crate) max_price: Option<String>,
    pub(crate) min_quantity: Option<String>,
    pub(crate) max_quantity: Option<String>,
    pub(crate) min_notional: Option<String>,
    pub(crate) max_notional: Option<String>,
    #[serde(deserialize_with = "object_or_null")]
    pub(crate) band: Option<Band>,
}

/// Parts of the last price.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Band {
    pub(crate) above: String,
    pub(crate) below: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Fees {
    pub(crate) maker: String,
    pub(crate) taker: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct CreateUser {
    pub(crate) request_id: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct CreateKey {
    pub(crate) request_id: String,
    pub(crate) user_id: u32,
    pub(crate) roles: Vec<Role>,
    /// Ed25519: PEM, or the 32 bytes in base64. Absent: an HMAC key.
    #[serde(default)]
    pub(crate) public_key: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Role {
    Read,
    Trade,
    Admin,
    Audit,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct AddShard {
    pub(crate) request_id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) weight: Option<u32>,
}

/// What is absent stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SetShard {
    pub(crate) request_id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) weight: Option<u32>,
    #[serde(default)]
    pub(crate) status: Option<ShardStatus>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ShardStatus {
    Active,
    Draining,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RevokeKey {
    pub(crate) request_id: String,
    pub(crate) api_key: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Money {
    pub(crate) request_id: String,
    pub(crate) user_id: u32,
    pub(crate) asset: String,
    pub(crate) amount: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct CreditLimit {
    pub(crate) request_id: String,
    pub(crate) user_id: u32,
    pub(crate) asset: String,
    pub(crate) limit: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct EndWithdrawal {
    pub(crate) request_id: String,
    pub(crate) withdrawal_id: u64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SymbolFees {
    pub(crate) request_id: String,
    pub(crate) symbol: String,
    #[serde(deserialize_with = "object")]
    pub(crate) fees: Fees,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct UserFees {
    pub(crate) request_id: String,
    pub(crate) user_id: u32,
    /// `null`: those of the symbol from now on. Must be said.
    #[serde(deserialize_with = "object_or_null")]
    #[schemars(with = "OrNull<Fees>")]
    pub(crate) fees: Option<Fees>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SymbolStatus {
    pub(crate) request_id: String,
    pub(crate) symbol: String,
    pub(crate) status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum Status {
    #[serde(rename = "TRADING")]
    Trading,
    #[serde(rename = "HALT")]
    Halt,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SymbolLimits {
    pub(crate) request_id: String,
    pub(crate) symbol: String,
    #[serde(deserialize_with = "object")]
    pub(crate) limits: Limits,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct KillSwitch {
    pub(crate) request_id: String,
    /// `null`: the whole venue. Must be said.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schemars(with = "OrNull<u32>")]
    pub(crate) user_id: Option<u32>,
    pub(crate) engaged: bool,
}

/// Of `symbol` and `user_id` one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct BeginMove {
    pub(crate) request_id: String,
    #[serde(default)]
    pub(crate) symbol: Option<String>,
    #[serde(default)]
    pub(crate) user_id: Option<u32>,
    /// Absent: to the shard that is the lightest.
    #[serde(default)]
    pub(crate) to: Option<String>,
}

/// Of `symbol` and `user_id` one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct AbortMove {
    pub(crate) request_id: String,
    #[serde(default)]
    pub(crate) symbol: Option<String>,
    #[serde(default)]
    pub(crate) user_id: Option<u32>,
}

/// Read from an object: by itself a type is read from a list of its values too.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(OfMembers(PhantomData)).map(Self)
    }
}

struct OfMembers<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OfMembers<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Object::deserialize(from).map(|Object(read)| read)
}

fn object_or_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    Option::<Object<T>>::deserialize(from).map(|read| read.map(|Object(read)| read))
}

/// Describes what may be `null` and must be said all the same.
struct OrNull<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for OrNull<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}OrNull", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Option<T>>()
    }
}
