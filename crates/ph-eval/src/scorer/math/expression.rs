//! An expression and its value at given values of its variables.

use std::collections::{BTreeMap, BTreeSet};

/// The largest number whose factorial is a finite floating-point number.
const FACTORIAL_MAX: f64 = 170.0;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    /// A number.
    Number(f64),
    /// A variable.
    Variable(String),
    /// A function of one argument.
    Function(Function, Box<Expression>),
    /// Two expressions joined.
    Pair(Joint, Box<Expression>, Box<Expression>),
}

/// What joins two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    /// Sum.
    Plus,
    /// Difference.
    Minus,
    /// Product.
    Times,
    /// Quotient.
    Over,
    /// Power.
    Power,
    /// The root of the first degree of the second.
    Root,
}

/// The functions of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// Sign turned.
    Negative,
    /// Absolute value.
    Absolute,
    /// Factorial of a whole number.
    Factorial,
    /// Natural exponential.
    Exponential,
    /// Natural logarithm.
    Logarithm,
    /// Logarithm to base 10.
    Logarithm10,
    /// Sine.
    Sine,
    /// Cosine.
    Cosine,
    /// Tangent.
    Tangent,
    /// Inverse sine.
    ArcSine,
    /// Inverse cosine.
    ArcCosine,
    /// Inverse tangent.
    ArcTangent,
}

impl Function {
    /// The function that a name means.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "exp" => Function::Exponential,
            "ln" => Function::Logarithm,
            "log" => Function::Logarithm10,
            "sin" => Function::Sine,
            "cos" => Function::Cosine,
            "tan" => Function::Tangent,
            "arcsin" | "asin" => Function::ArcSine,
            "arccos" | "acos" => Function::ArcCosine,
            "arctan" | "atan" => Function::ArcTangent,
            "abs" => Function::Absolute,
            _ => return None,
        })
    }

    fn value(self, of: f64) -> f64 {
        match self {
            Function::Negative => -of,
            Function::Absolute => of.abs(),
            Function::Factorial => factorial(of),
            Function::Exponential => of.exp(),
            Function::Logarithm => of.ln(),
            Function::Logarithm10 => of.log10(),
            Function::Sine => of.sin(),
            Function::Cosine => of.cos(),
            Function::Tangent => of.tan(),
            Function::ArcSine => of.asin(),
            Function::ArcCosine => of.acos(),
            Function::ArcTangent => of.atan(),
        }
    }
}

fn factorial(of: f64) -> f64 {
    if of.fract() != 0.0 || !(0.0..=FACTORIAL_MAX).contains(&of) {
        return f64::NAN;
    }
    let mut product = 1.0;
    let mut factor = 2.0;
    while factor <= of {
        product *= factor;
        factor += 1.0;
    }
    product
}

impl Joint {
    fn value(self, one: f64, two: f64) -> f64 {
        match self {
            Joint::Plus => one + two,
            Joint::Minus => one - two,
            Joint::Times => one * two,
            Joint::Over => one / two,
            Joint::Power => one.powf(two),
            Joint::Root if one == 2.0 => two.sqrt(),
            Joint::Root if one == 3.0 => two.cbrt(),
            Joint::Root => two.powf(1.0 / one),
        }
    }
}

impl Expression {
    /// The expression of two joined.
    pub(super) fn pair(joint: Joint, one: Expression, two: Expression) -> Self {
        Expression::Pair(joint, Box::new(one), Box::new(two))
    }

    /// The value where the variables have these; not a number where there is none.
    pub(super) fn value(&self, at: &BTreeMap<&str, f64>) -> f64 {
        match self {
            Expression::Number(number) => *number,
            Expression::Variable(name) => at.get(name.as_str()).copied().unwrap_or(f64::NAN),
            Expression::Function(function, of) => function.value(of.value(at)),
            Expression::Pair(joint, one, two) => joint.value(one.value(at), two.value(at)),
        }
    }

    /// Adds the names of its variables.
    pub(super) fn variables<'a>(&'a self, names: &mut BTreeSet<&'a str>) {
        match self {
            Expression::Number(_) => {}
            Expression::Variable(name) => {
                names.insert(name);
            }
            Expression::Function(_, of) => of.variables(names),
            Expression::Pair(_, one, two) => {
                one.variables(names);
                two.variables(names);
            }
        }
    }
}
