//! What a model is fed: seeded values of several distributions, photographs, values from a file.

use std::sync::Arc;

use backend::TensorSpec;
use backend::input::{Distribution, Feeds, fill};
use pipeline::Digest;

use super::engines::is_float;
use super::expected::ExpectedSet;
use super::images::{self, Photo};

/// Seeded image-like inputs whose answers are written down for the runner: always run, first of all.
pub const REFERENCES: usize = 2;

/// One inference's worth of input.
#[derive(Clone, Debug)]
pub struct InputSet {
    /// What a row calls it: `image-like, seed 3`, `photograph coffee.png`.
    pub label: String,
    /// Whether rows are made of it; else it is run for its answers only.
    pub judged: bool,
    feed: Feed,
}

#[derive(Clone, Debug)]
enum Feed {
    Seeded(Distribution, u64),
    Photo(Arc<Vec<Photo>>, usize),
    Given(Arc<ExpectedSet>),
}

/// What to feed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Distributions of the seeded inputs.
    pub distributions: Vec<Distribution>,
    /// Seeded inputs of each distribution.
    pub sets: usize,
    /// Seed of the first input of each distribution; the others follow.
    pub seed: u64,
    /// Photographs, for models that take them.
    pub photos: Vec<Photo>,
    /// Inputs that are not drawn.
    pub feeds: Feeds,
}

/// The input sets of a verification, the photographs last.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The sets.
    pub list: Vec<InputSet>,
    /// Inputs that are not drawn.
    pub feeds: Feeds,
}

impl Plan {
    /// The sets: image-like ones first, photographs last.
    pub fn inputs(&self) -> Inputs {
        let image_like = self.distributions.contains(&Distribution::ImageLike);
        let judged = if image_like { self.sets } else { 0 };
        let first = (0..self.sets.max(REFERENCES))
            .map(|k| self.seeded(Distribution::ImageLike, k, k < judged));
        let others = self.distributions.iter().filter(|d| **d != Distribution::ImageLike);
        let others = others.flat_map(|&d| (0..self.sets).map(move |k| self.seeded(d, k, true)));
        let photos = Arc::new(self.photos.clone());
        let photo = |(place, photo): (usize, &Photo)| InputSet {
            label: format!("photograph {}", photo.name),
            judged: true,
            feed: Feed::Photo(Arc::clone(&photos), place),
        };
        let photos = self.photos.iter().enumerate().map(photo);
        Inputs { list: first.chain(others).chain(photos).collect(), feeds: self.feeds.clone() }
    }

    fn seeded(&self, distribution: Distribution, place: usize, judged: bool) -> InputSet {
        let seed = self.seed + place as u64;
        let label = format!("{distribution}, seed {seed}");
        InputSet { label, judged, feed: Feed::Seeded(distribution, seed) }
    }
}

impl Inputs {
    /// Inputs from a file, one set each; `feeds` fills the first run, which shows the sizes of open outputs.
    pub fn given(sets: &[ExpectedSet], feeds: Feeds) -> Self {
        let set = |set: &ExpectedSet| InputSet {
            label: set.label.clone(),
            judged: true,
            feed: Feed::Given(Arc::new(set.clone())),
        };
        Self { list: sets.iter().map(set).collect(), feeds }
    }

    /// Everything that shapes the values, for the key under which a verification is kept.
    pub fn identity(&self) -> String {
        let sets = self.list.iter().map(|set| {
            let digest = match &set.feed {
                Feed::Seeded(..) => String::new(),
                Feed::Photo(photos, _) => {
                    let all: Vec<&str> = photos.iter().map(|photo| photo.digest.as_str()).collect();
                    Digest::of_bytes(all.join(" ").as_bytes()).to_string()
                }
                Feed::Given(_) => "given".to_owned(),
            };
            format!("{} {} {digest}", set.label, set.judged)
        });
        self.feeds.fixed_texts().into_iter().chain(sets).collect::<Vec<_>>().join("\n")
    }
}

impl InputSet {
    /// Whether a model with these inputs can be fed this: a photograph needs an input that is an image.
    pub fn fits(&self, specs: &[TensorSpec], feeds: &Feeds) -> bool {
        let free = |spec: &&TensorSpec| !feeds.fixed.contains_key(&spec.name);
        !matches!(self.feed, Feed::Photo(..)) || specs.iter().filter(free).any(is_image)
    }

    /// Whether it is a photograph.
    pub fn is_photo(&self) -> bool {
        matches!(self.feed, Feed::Photo(..))
    }

    /// The first seed of a seeded input.
    pub fn seed(&self) -> Option<u64> {
        match self.feed {
            Feed::Seeded(Distribution::ImageLike, seed) => Some(seed),
            _ => None,
        }
    }

    /// The values of input number `index` of a model.
    ///
    /// # Errors
    /// A file of given inputs lacks it, or has another shape.
    pub fn values(
        &self,
        index: usize,
        spec: &TensorSpec,
        feeds: &Feeds,
    ) -> backend::Result<Vec<f32>> {
        Ok(match &self.feed {
            Feed::Seeded(distribution, seed) => {
                fill(&feeds.with(*distribution), *seed, index, spec)
            }
            Feed::Photo(photos, place)
                if is_image(spec) && !feeds.fixed.contains_key(&spec.name) =>
            {
                photographs(photos, place + index, &spec.dims)
            }
            Feed::Photo(_, place) => {
                fill(&feeds.with(Distribution::ImageLike), *place as u64, index, spec)
            }
            Feed::Given(set) => set.input(index, spec)?.values.clone(),
        })
    }
}

fn is_image(spec: &TensorSpec) -> bool {
    is_float(spec.element) && images::fits(&spec.dims)
}

/// A batch of photographs, starting with one of them and going round.
fn photographs(photos: &[Photo], first: usize, dims: &[usize]) -> Vec<f32> {
    let &[batch, channels, height, width] = dims else { return Vec::new() };
    let picture = |k: usize| &photos[(first + k) % photos.len()].picture;
    (0..batch).flat_map(|k| images::tensor(picture(k), channels, height, width)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use backend::ElementType;

    fn plan(distributions: &[Distribution], sets: usize) -> Inputs {
        let distributions = distributions.to_vec();
        let photos = images::own().unwrap();
        Plan { distributions, sets, seed: 7, photos, feeds: Feeds::default() }.inputs()
    }

    fn spec(dims: &[usize]) -> TensorSpec {
        TensorSpec { name: "x".into(), element: ElementType::F32, dims: dims.to_vec() }
    }

    #[test]
    fn references_come_first_and_photographs_last() {
        let labels = |inputs: Inputs| -> Vec<String> {
            inputs.list.iter().map(|set| format!("{} {}", set.label, set.judged)).collect()
        };
        let found = labels(plan(&[Distribution::Wide], 1));
        let expected = [
            "image-like, seed 7 false",
            "image-like, seed 8 false",
            "wide, seed 7 true",
            "photograph astronaut.png true",
            "photograph chelsea.png true",
            "photograph coffee.png true",
        ];
        assert_eq!(found, expected);
        let found = labels(plan(&Distribution::ALL, 3));
        assert_eq!(found.len(), 15);
        assert!(found.iter().all(|label| label.ends_with("true")));
    }

    #[test]
    fn photographs_go_to_images_only() {
        let inputs = plan(&[Distribution::ImageLike], 1);
        let photo = inputs.list.last().unwrap();
        let none = Feeds::default();
        assert!(photo.fits(&[spec(&[1, 16]), spec(&[1, 3, 32, 32])], &none));
        assert!(!photo.fits(&[spec(&[1, 16])], &none));
        let flags = TensorSpec { element: ElementType::I64, ..spec(&[1, 3, 32, 32]) };
        assert!(!photo.fits(&[flags], &none));
        let batch = photo.values(0, &spec(&[2, 3, 32, 32]), &none).unwrap();
        let next = inputs.list[inputs.list.len() - 3].values(0, &spec(&[1, 3, 32, 32]), &none);
        assert_eq!(batch[3 * 32 * 32..], next.unwrap(), "the batch goes round");
        assert_eq!(photo.values(1, &spec(&[4]), &none).unwrap().len(), 4);
    }
}
