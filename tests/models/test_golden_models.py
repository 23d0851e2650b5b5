"""A network trained and saved under one backend gives the same scores under the others."""

import keras
import numpy as np
import pytest
from make_trained_models import FILE, FOLDER, clips_of


@pytest.mark.parametrize("trained_on", ["tensorflow", "torch", "jax"])
def test_scores_of_a_model_from_each_backend(trained_on):
    model = keras.saving.load_model(FOLDER / FILE.format(backend=trained_on))
    want = np.loadtxt(FOLDER / f"trained_{trained_on}_scores.csv", delimiter=",")
    # Scores that all look alike would prove nothing.
    assert np.ptp(want[:, 0]) > 0.2
    clips, _ = clips_of(seed=2)
    np.testing.assert_allclose(model.predict(clips, verbose=0), want, atol=1e-4)
