"""What a person does with videos and a trained model from a shell."""
