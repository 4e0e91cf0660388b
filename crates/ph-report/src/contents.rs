//! The sections of the page with their numbers: headings, contents list and references all read them here.

/// A section or a subsection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) anchor: String,
    pub(crate) number: String,
    pub(crate) title: String,
    pub(crate) children: Vec<Section>,
}

/// All sections, numbered in their order.
pub(crate) struct Contents {
    pub(crate) sections: Vec<Section>,
    none: Section,
}

/// A section without a number: anchor, title, and the anchors and titles of its subsections.
type Unnumbered = (String, String, Vec<(String, String)>);

impl Contents {
    /// Numbers these sections, each given as anchor, title and its subsections' anchors and titles.
    pub(crate) fn new(sections: Vec<Unnumbered>) -> Self {
        let number = |(index, (anchor, title, children)): (usize, Unnumbered)| {
            let own = (index + 1).to_string();
            let child = |(place, (anchor, title)): (usize, (String, String))| Section {
                number: format!("{own}.{}", place + 1),
                anchor,
                title,
                children: Vec::new(),
            };
            let children = children.into_iter().enumerate().map(child).collect();
            Section { number: own, anchor, title, children }
        };
        let none = Section { anchor: String::new(), number: String::new(), title: String::new(), children: Vec::new() };
        Self { sections: sections.into_iter().enumerate().map(number).collect(), none }
    }

    /// The section or subsection with this anchor; an empty one where the page has none.
    pub(crate) fn of(&self, anchor: &str) -> &Section {
        let children = self.sections.iter().flat_map(|section| &section.children);
        self.sections.iter().chain(children).find(|section| section.anchor == anchor).unwrap_or(&self.none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_subsections_are_numbered() {
        let text = |text: &str| text.to_owned();
        let contents = Contents::new(vec![
            (text("a"), text("A"), Vec::new()),
            (text("b"), text("B"), vec![(text("b-1"), text("B one")), (text("b-2"), text("B two"))]),
        ]);
        assert_eq!((contents.of("b").number.as_str(), contents.of("b-2").number.as_str()), ("2", "2.2"));
        assert_eq!(contents.of("nothing").title, "");
    }
}
