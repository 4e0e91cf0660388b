//! Goes through a value as it would be written and looks at its numbers alone.
//!
//! The writer beneath turns a NaN that stands inside of something into `null`, without an error; what is signed must not be
//! another thing than what was meant.

use std::fmt::Display;

use serde::ser::{self, Serialize};

use super::{CanonicalJsonError, INTEGER_MAX};

/// Why the numbers cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum NumberError {
    #[error("a number is not finite")]
    NotFinite,
    #[error("{0} is not exact")]
    Inexact(String),
    #[error("{0}")]
    Other(String),
}

impl ser::Error for NumberError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }
}

impl From<NumberError> for CanonicalJsonError {
    fn from(error: NumberError) -> Self {
        match error {
            NumberError::NotFinite => Self::NotFinite,
            NumberError::Inexact(number) => Self::Inexact(number),
            NumberError::Other(message) => Self::Write(ser::Error::custom(message)),
        }
    }
}

/// Looks at numbers; keys of maps are written as strings and not looked at.
#[derive(Clone, Copy)]
pub(super) struct Numbers {
    /// Whether only integers are allowed that every reader has exactly.
    pub(super) is_exact: bool,
}

type Checked = Result<(), NumberError>;

impl Numbers {
    fn float(self, number: f64) -> Checked {
        match (number.is_finite(), self.is_exact) {
            (false, _) => Err(NumberError::NotFinite),
            (true, true) => Err(NumberError::Inexact(number.to_string())),
            (true, false) => Ok(()),
        }
    }

    fn integer(self, magnitude: u128, number: impl Display) -> Checked {
        if self.is_exact && magnitude > u128::from(INTEGER_MAX) {
            return Err(NumberError::Inexact(number.to_string()));
        }
        Ok(())
    }
}

macro_rules! numbers {
    ($($method:ident: $type:ty => |$this:ident, $number:ident| $check:expr;)*) => {
        $(fn $method(self, $number: $type) -> Checked {
            let $this = self;
            $check
        })*
    };
}

macro_rules! nothing {
    ($($method:ident($($argument:ty),*);)*) => {
        $(fn $method(self, $(_: $argument),*) -> Checked {
            Ok(())
        })*
    };
}

macro_rules! compound {
    ($($method:ident($($argument:ty),*);)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<Self, NumberError> {
            Ok(self)
        })*
    };
}

impl ser::Serializer for Numbers {
    type Ok = ();
    type Error = NumberError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    numbers! {
        serialize_i8: i8 => |this, number| this.integer(number.unsigned_abs().into(), number);
        serialize_i16: i16 => |this, number| this.integer(number.unsigned_abs().into(), number);
        serialize_i32: i32 => |this, number| this.integer(number.unsigned_abs().into(), number);
        serialize_i64: i64 => |this, number| this.integer(number.unsigned_abs().into(), number);
        serialize_i128: i128 => |this, number| this.integer(number.unsigned_abs(), number);
        serialize_u8: u8 => |this, number| this.integer(number.into(), number);
        serialize_u16: u16 => |this, number| this.integer(number.into(), number);
        serialize_u32: u32 => |this, number| this.integer(number.into(), number);
        serialize_u64: u64 => |this, number| this.integer(number.into(), number);
        serialize_u128: u128 => |this, number| this.integer(number, number);
        serialize_f32: f32 => |this, number| this.float(number.into());
        serialize_f64: f64 => |this, number| this.float(number);
    }

    nothing! {
        serialize_bool(bool);
        serialize_char(char);
        serialize_str(&str);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
        serialize_bytes(&[u8]);
    }

    compound! {
        serialize_seq(Option<usize>);
        serialize_tuple(usize);
        serialize_tuple_struct(&'static str, usize);
        serialize_tuple_variant(&'static str, u32, &'static str, usize);
        serialize_map(Option<usize>);
        serialize_struct(&'static str, usize);
        serialize_struct_variant(&'static str, u32, &'static str, usize);
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Checked {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Checked {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Checked {
        value.serialize(self)
    }
}

macro_rules! elements {
    ($($trait:ident: $method:ident($($key:ty)?);)*) => {
        $(impl ser::$trait for Numbers {
            type Ok = ();
            type Error = NumberError;

            fn $method<T: Serialize + ?Sized>(&mut self, $(_: $key,)? value: &T) -> Checked {
                value.serialize(*self)
            }

            fn end(self) -> Checked {
                Ok(())
            }
        })*
    };
}

elements! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeStruct: serialize_field(&'static str);
    SerializeStructVariant: serialize_field(&'static str);
}

impl ser::SerializeMap for Numbers {
    type Ok = ();
    type Error = NumberError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Checked {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Checked {
        value.serialize(*self)
    }

    fn end(self) -> Checked {
        Ok(())
    }
}
