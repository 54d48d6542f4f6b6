//! The path of a request, and everything that carries it: listeners, workers, answers.
