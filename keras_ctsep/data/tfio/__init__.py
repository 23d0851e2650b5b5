"""An island: tensorflow-io as the decoder. It needs TensorFlow 2.17 and FFmpeg 4."""
