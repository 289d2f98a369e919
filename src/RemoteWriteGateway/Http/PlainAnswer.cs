using System.Text;

namespace RemoteWriteGateway.Http;

/// <summary>Plain text, for remote write and push.</summary>
internal static class PlainAnswer
{
    /// <summary>Prometheus keeps the first 1,024 bytes of an error.</summary>
    public const int MaxBytes = 1000;

    /// <summary>Writes <paramref name="text"/>, cut at a character boundary if it is over <see cref="MaxBytes"/>.</summary>
    public static Task WriteAsync(HttpResponse response, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        int length = Math.Min(bytes.Length, MaxBytes);
        while (length < bytes.Length && (bytes[length] & 0xC0) == 0x80)
        {
            length--;
        }

        response.ContentType = "text/plain; charset=utf-8";
        response.ContentLength = length;
        return response.Body.WriteAsync(bytes, 0, length);
    }
}
