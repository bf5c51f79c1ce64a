//! Scenes of a board, and the steps that follow.
