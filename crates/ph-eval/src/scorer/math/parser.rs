//! From tokens to an expression. Deeper than [`DEPTH_MAX`] nothing is read.

use super::expression::{Expression, Function, Joint};
use super::tokens::Token;

/// The deepest nesting.
const DEPTH_MAX: u32 = 40;
/// Runs of this many letters or more are words and no product of variables.
const WORD_LETTERS: usize = 4;

/// The expression of these tokens; none where they are no expression.
pub(super) fn parse(tokens: Vec<Token>) -> Option<Expression> {
    let mut parser = Parser { tokens, at: 0, depth: 0 };
    let expression = parser.sum()?;
    (parser.at == parser.tokens.len()).then_some(expression)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn takes(&mut self, sign: char) -> bool {
        let is_it = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(is_it);
        is_it
    }

    fn sum(&mut self) -> Option<Expression> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let mut sum = self.product()?;
        loop {
            let joint = match self.peek() {
                Some(Token::Sign('+')) => Joint::Plus,
                Some(Token::Sign('-')) => Joint::Minus,
                _ => break,
            };
            self.at += 1;
            sum = Expression::pair(joint, sum, self.product()?);
        }
        self.depth -= 1;
        Some(sum)
    }

    fn product(&mut self) -> Option<Expression> {
        let mut product = self.signed()?;
        loop {
            match self.peek() {
                Some(Token::Sign('*')) => {
                    self.at += 1;
                    product = Expression::pair(Joint::Times, product, self.signed()?);
                }
                Some(Token::Sign('/')) => {
                    self.at += 1;
                    product = Expression::pair(Joint::Over, product, self.signed()?);
                }
                Some(Token::Name(_) | Token::Sign('(' | '{' | '[')) => {
                    product = Expression::pair(Joint::Times, product, self.power()?);
                }
                _ => return Some(product),
            }
        }
    }

    fn signed(&mut self) -> Option<Expression> {
        let mut is_negative = false;
        loop {
            if self.takes('-') {
                is_negative = !is_negative;
            } else if !self.takes('+') {
                break;
            }
        }
        let value = self.mixed()?;
        Some(if is_negative { Expression::Function(Function::Negative, Box::new(value)) } else { value })
    }

    /// A mixed number such as `1 1/2` or `1\frac{1}{2}` is a sum; anything else is a power.
    fn mixed(&mut self) -> Option<Expression> {
        let whole = match self.tokens.get(self.at..) {
            Some([Token::Number(whole), Token::Name(frac), ..]) if frac == "frac" => whole,
            Some([Token::Number(whole), Token::Number(_), Token::Sign('/'), Token::Number(_), ..]) => whole,
            _ => return self.power(),
        };
        if whole.contains('.') {
            return self.power();
        }
        let whole = Expression::Number(whole.parse().ok()?);
        self.at += 1;
        let Some(Token::Number(_)) = self.peek() else {
            let fraction = self.power()?;
            let is_number = |part: &Expression| matches!(part, Expression::Number(_));
            let is_plain =
                matches!(&fraction, Expression::Pair(Joint::Over, one, two) if is_number(one) && is_number(two));
            let joint = if is_plain { Joint::Plus } else { Joint::Times };
            return Some(Expression::pair(joint, whole, fraction));
        };
        let above = self.power()?;
        self.at += 1;
        let fraction = Expression::pair(Joint::Over, above, self.power()?);
        Some(Expression::pair(Joint::Plus, whole, fraction))
    }

    fn power(&mut self) -> Option<Expression> {
        let mut base = self.primary()?;
        while self.takes('!') {
            base = Expression::Function(Function::Factorial, Box::new(base));
        }
        if !self.takes('^') {
            return Some(base);
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let is_negative = self.takes('-');
        let exponent = self.power()?;
        self.depth -= 1;
        let exponent =
            if is_negative { Expression::Function(Function::Negative, Box::new(exponent)) } else { exponent };
        Some(Expression::pair(Joint::Power, base, exponent))
    }

    fn primary(&mut self) -> Option<Expression> {
        let token = self.peek()?.clone();
        self.at += 1;
        match token {
            Token::Number(digits) => digits.parse().ok().map(Expression::Number),
            Token::Name(name) => self.named(&name),
            Token::Sign('(') => self.closed_by(')'),
            Token::Sign('{') => self.closed_by('}'),
            Token::Sign('[') => self.closed_by(']'),
            Token::Sign('|') => {
                let inner = self.closed_by('|')?;
                Some(Expression::Function(Function::Absolute, Box::new(inner)))
            }
            Token::Sign('\u{221e}') => Some(Expression::Number(f64::INFINITY)),
            Token::Sign(_) => None,
        }
    }

    fn closed_by(&mut self, sign: char) -> Option<Expression> {
        let inner = self.sum()?;
        self.takes(sign).then_some(inner)
    }

    fn named(&mut self, name: &str) -> Option<Expression> {
        match name {
            "pi" => Some(Expression::Number(std::f64::consts::PI)),
            "e" => Some(Expression::Number(std::f64::consts::E)),
            "frac" => {
                let above = self.argument()?;
                Some(Expression::pair(Joint::Over, above, self.argument()?))
            }
            "sqrt" => {
                let degree = if self.takes('[') { self.closed_by(']')? } else { Expression::Number(2.0) };
                Some(Expression::pair(Joint::Root, degree, self.argument()?))
            }
            _ => match Function::named(name) {
                Some(function) => self.function(function),
                None => self.variables(name),
            },
        }
    }

    /// What a LaTeX command takes: a group, or one figure or letter.
    fn argument(&mut self) -> Option<Expression> {
        let first = match self.peek()? {
            Token::Number(digits) => digits.chars().next().filter(|_| digits.len() > 1),
            _ => None,
        };
        match (first, self.tokens.get_mut(self.at)) {
            (Some(first), Some(Token::Number(digits))) => {
                digits.remove(0);
                Some(Expression::Number(f64::from(first.to_digit(10)?)))
            }
            _ => self.primary(),
        }
    }

    fn function(&mut self, function: Function) -> Option<Expression> {
        let power = if self.takes('^') { Some(self.primary()?) } else { None };
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let applied = Expression::Function(function, Box::new(self.power()?));
        self.depth -= 1;
        Some(match power {
            Some(power) => Expression::pair(Joint::Power, applied, power),
            None => applied,
        })
    }

    /// A Greek letter, or the letters of a short run one by one; the last may have an index.
    fn variables(&mut self, name: &str) -> Option<Expression> {
        const GREEK: [&str; 12] =
            ["alpha", "beta", "gamma", "delta", "theta", "lambda", "mu", "sigma", "phi", "omega", "epsilon", "rho"];
        let index = if self.takes('_') { format!("_{:?}", self.primary()?) } else { String::new() };
        if GREEK.contains(&name) {
            return Some(Expression::Variable(format!("{name}{index}")));
        }
        let letters: Vec<char> = name.chars().collect();
        if letters.len() >= WORD_LETTERS {
            return None;
        }
        let one = |place: usize| {
            let index = if place + 1 == letters.len() { index.as_str() } else { "" };
            Expression::Variable(format!("{}{index}", letters[place]))
        };
        (0..letters.len()).map(one).reduce(|product, letter| Expression::pair(Joint::Times, product, letter))
    }
}
